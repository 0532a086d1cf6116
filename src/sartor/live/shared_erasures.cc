#include "sartor/live/shared_erasures.h"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>

namespace sartor {
namespace {

constexpr const char* kErasedSalt = "erased/salt";
constexpr int kMostAttempts = 100;

std::string erasure_key(std::size_t number) {
  return fmt::format("{}{:012}", kErasedPrefix, number);
}

Json erasure_json(KeyHash hash, const Erasure& erasure) {
  return {{"erasure", row_json(hash, erasure)}};
}

}  // namespace

// None if the entry is of something else.
Result<std::optional<SharedErasures::News>> SharedErasures::read(const StateEntry& entry) {
  std::optional<News> none;
  if (!entry.key.starts_with(kErasedPrefix) || entry.key == kErasedSalt) return none;
  News news;
  const char* end = entry.key.data() + entry.key.size();
  const auto [stop, error] =
      std::from_chars(entry.key.data() + kErasedPrefix.size(), end, news.erasure.number);
  const Json json = parse_json(entry.value);
  if (error != std::errc() || stop != end || !json.is_object() || !json.contains("erasure") ||
      !read_erasure(json["erasure"], news.hash, news.erasure)) {
    return Error{ErrorCode::bad_data, "shared state: " + entry.key + " is no erasure"};
  }
  if (json.contains("user") && json["user"].is_string()) news.user = json["user"];
  return std::optional(std::move(news));
}

Status SharedErasures::take(const News& news) {
  if (news.erasure.number < list_->current()->size()) return {};
  SARTOR_TRY(list_->add(news.hash, news.erasure));
  if (told_) told_(news.user);
  return {};
}

// What this workspace had before it was shared.
Status SharedErasures::bring() {
  const auto own = list_->current();
  const std::string salt = own->salt().empty() ? random_digits() : own->salt();
  SARTOR_ASSIGN(const auto made, state_->put_if(kErasedSalt, 0, salt));
  if (!made) return {};
  for (const auto& [number, row] : own->rows()) {
    SARTOR_TRY(
        state_->put_if(erasure_key(number), 0, json_text(erasure_json(row.first, row.second))));
  }
  return {};
}

Status SharedErasures::catch_up() {
  SARTOR_ASSIGN(const auto entries, state_->entries_after(0));
  for (const StateEntry& entry : entries) {
    if (entry.key == kErasedSalt) SARTOR_TRY(list_->share(entry.value));
  }
  // By number, which is the order of the keys and not always that of the changes.
  std::map<std::size_t, News> all;
  for (const StateEntry& entry : entries) {
    SARTOR_ASSIGN(auto news, read(entry));
    if (news) all.emplace(news->erasure.number, std::move(*news));
  }
  for (const auto& [number, news] : all) SARTOR_TRY(take(news));
  return {};
}

Result<std::unique_ptr<SharedErasures>> SharedErasures::open(std::shared_ptr<const State> state,
                                                             std::shared_ptr<ErasureList> list,
                                                             int event_days) {
  std::unique_ptr<SharedErasures> shared(
      new SharedErasures(std::move(state), std::move(list), event_days));
  SARTOR_ASSIGN(const auto salt, shared->state_->get(kErasedSalt));
  if (!salt) SARTOR_TRY(shared->bring());
  SARTOR_TRY(shared->catch_up());
  return shared;
}

Status SharedErasures::follow() {
  const std::lock_guard lock(mutex_);
  return catch_up();
}

Status SharedErasures::add(const std::string& user, std::uint64_t events_before, Time now) {
  const std::lock_guard lock(mutex_);
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    SARTOR_TRY(catch_up());
    const auto known = list_->current();
    News news{
        .user = user, .hash = known->hash_of(user), .erasure = {known->size(), now, events_before}};
    Json json = erasure_json(news.hash, news.erasure);
    json["user"] = user;
    SARTOR_ASSIGN(const auto made,
                  state_->put_if(erasure_key(news.erasure.number), 0, json_text(json)));
    if (made) return take(news);
  }
  return Error{ErrorCode::io, "shared state: too many users are erased at once; try again"};
}

Status SharedErasures::prune(Time now) {
  SARTOR_ASSIGN(const auto entries, state_->entries_after(0));
  for (const StateEntry& entry : entries) {
    if (!entry.key.starts_with(kErasedPrefix) || entry.key == kErasedSalt) continue;
    Json json = parse_json(entry.value);
    KeyHash hash;
    Erasure erasure;
    if (!json.is_object() || !json.contains("user") || !json.contains("erasure") ||
        !read_erasure(json["erasure"], hash, erasure) || erasure.time > now - days_ * kDay) {
      continue;
    }
    json.erase("user");
    SARTOR_TRY(state_->put_if(entry.key, entry.number, json_text(json)));
  }
  return {};
}

}  // namespace sartor
