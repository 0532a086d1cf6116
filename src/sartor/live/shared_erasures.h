// Erasures of several servers as one list, in their shared state: entries "erased/salt" and, one
// for each erasure, "erased/<number>", which every server's erased.json follows. An entry has the
// user's id as long as the database keeps events of theirs (StateConfig::event_days), so that other
// servers forget at once what they have in memory; then the salted hash alone is left.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "sartor/base/result.h"
#include "sartor/live/erasures.h"
#include "sartor/store/state.h"

namespace sartor {

inline constexpr std::string_view kErasedPrefix = "erased/";  // of their entries

// Safe to use from several threads, but for tell().
class SharedErasures {
 public:
  // Brings `list` up to date; the first server of all brings its own. Fails as State and
  // ErasureList do.
  static Result<std::unique_ptr<SharedErasures>> open(std::shared_ptr<const State> state,
                                                      std::shared_ptr<ErasureList> list,
                                                      int event_days);

  // As ErasureList::add, for all servers. Fails with `io` while the database cannot be reached;
  // then nobody was erased.
  Status add(const std::string& user, std::uint64_t events_before, Time now);

  // Takes over what other servers added. Fails with `bad_data` too, naming the entry.
  Status follow();

  // `told` hears of every erasure from here on, this server's own too, when the list has it: the
  // user's id, "" where it is not kept any more.
  void tell(std::function<void(const std::string& user)> told) { told_ = std::move(told); }

  // Removes ids that have been there for long enough.
  Status prune(Time now);

 private:
  SharedErasures(std::shared_ptr<const State> state, std::shared_ptr<ErasureList> list, int days)
      : state_(std::move(state)), list_(std::move(list)), days_(days) {}
  struct News {
    std::string user;
    KeyHash hash;
    Erasure erasure;
  };
  static Result<std::optional<News>> read(const StateEntry& entry);
  Status take(const News& news);
  Status bring();
  Status catch_up();

  const std::shared_ptr<const State> state_;
  const std::shared_ptr<ErasureList> list_;
  const int days_;
  std::function<void(const std::string&)> told_;
  std::mutex mutex_;  // one after another, so that numbers come in order
};

}  // namespace sartor
