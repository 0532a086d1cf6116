#include "sartor/live/erasures.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "sartor/base/files.h"
#include "sartor/base/json.h"
#include "sartor/live/log_file.h"

namespace sartor {
namespace {

std::string erased_path(const std::string& workspace) {
  return (workspace.empty() ? "." : workspace) + "/" + kErasedFile;
}

std::string hash_text(KeyHash hash) { return fmt::format("{:016x}{:016x}", hash.high, hash.low); }

bool read_hash(std::string_view text, KeyHash& hash) {
  const auto part = [&](std::size_t at, std::uint64_t& out) {
    const char* begin = text.data() + at;
    const auto [stop, error] = std::from_chars(begin, begin + 16, out, 16);
    return error == std::errc() && stop == begin + 16;
  };
  return text.size() == 32 && part(0, hash.high) && part(16, hash.low);
}

}  // namespace

std::string random_digits() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

Json row_json(KeyHash user, const Erasure& erasure) {
  return {hash_text(user), erasure.time, erasure.events_before};
}

bool read_erasure(const Json& row, KeyHash& user, Erasure& erasure) {
  if (!row.is_array() || row.size() != 3 || !row[0].is_string() || !row[1].is_number_integer() ||
      !row[2].is_number_unsigned()) {
    return false;
  }
  erasure.time = row[1].get<Time>();
  erasure.events_before = row[2].get<std::uint64_t>();
  return read_hash(row[0].get<std::string>(), user);
}

KeyHash Erasures::hash_of(std::string_view user) const {
  return hash_of_key(salt_ + std::string(user));
}

const Erasure* Erasures::of(std::string_view user) const {
  if (last_.empty()) return nullptr;
  const auto found = last_.find(hash_of(user));
  return found == last_.end() ? nullptr : &found->second;
}

Result<Erasures> Erasures::read(const std::string& workspace) {
  const std::string path = erased_path(workspace);
  Erasures out;
  const auto text = read_file(path);
  if (!text) {
    if (text.error().code == ErrorCode::not_found) return out;
    return text.error();
  }
  const Error bad{ErrorCode::bad_data, path + ": is damaged: it says who was erased"};
  const Json json = parse_json(*text);
  if (!json.is_object() || !json.contains("salt") || !json["salt"].is_string() ||
      !json.contains("count") || !json["count"].is_number_unsigned() || !json.contains("erased") ||
      !json["erased"].is_object()) {
    return bad;
  }
  out.salt_ = json["salt"].get<std::string>();
  out.count_ = json["count"].get<std::size_t>();
  for (const auto& [number, row] : json["erased"].items()) {
    Erasure erasure;
    KeyHash user;
    const char* end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, erasure.number);
    if (error != std::errc() || stop != end || erasure.number >= out.count_ ||
        !read_erasure(row, user, erasure) || !out.last_.emplace(user, erasure).second) {
      return bad;
    }
  }
  return out;
}

Result<Erasures> Erasures::beside(const std::string& folder) {
  std::filesystem::path path(folder);
  if (!path.has_filename()) path = path.parent_path();  // "events/"
  return read(path.parent_path().string());
}

std::map<std::size_t, std::pair<KeyHash, Erasure>> Erasures::rows() const {
  std::map<std::size_t, std::pair<KeyHash, Erasure>> by_number;
  for (const auto& [user, erasure] : last_) by_number[erasure.number] = {user, erasure};
  return by_number;
}

std::string Erasures::to_text() const {
  Json erased = Json::object();
  for (const auto& [number, row] : rows())
    erased[std::to_string(number)] = row_json(row.first, row.second);
  return json_text({{"salt", salt_}, {"count", count_}, {"erased", erased}}) + "\n";
}

Result<std::unique_ptr<ErasureList>> ErasureList::open(const std::string& workspace) {
  SARTOR_ASSIGN(Erasures erasures, Erasures::read(workspace));
  return std::unique_ptr<ErasureList>(new ErasureList(workspace, std::move(erasures)));
}

Status ErasureList::keep(Erasures next) {
  SARTOR_TRY(write_file(erased_path(workspace_), next.to_text()));
  SARTOR_TRY(sync_to_disk(workspace_.empty() ? "." : workspace_));
  const std::lock_guard lock(mutex_);
  current_ = std::make_shared<const Erasures>(std::move(next));
  return {};
}

Status ErasureList::add(const std::string& user, std::uint64_t events_before, Time now) {
  const std::lock_guard one(writing_);
  Erasures next = *current();
  if (next.salt_.empty()) next.salt_ = random_digits();
  next.last_[next.hash_of(user)] = {next.count_, now, events_before};
  ++next.count_;
  return keep(std::move(next));
}

Status ErasureList::share(const std::string& salt) {
  const std::lock_guard one(writing_);
  if (current()->salt() == salt) return {};
  if (!current()->salt().empty()) {
    return Error{ErrorCode::config, erased_path(workspace_) +
                                        ": this workspace has erased users of its own; start "
                                        "from a copy of another server's"};
  }
  Erasures next = *current();
  next.salt_ = salt;
  return keep(std::move(next));
}

Status ErasureList::add(KeyHash user, const Erasure& erasure) {
  const std::lock_guard one(writing_);
  if (erasure.number < current()->size()) return {};
  Erasures next = *current();
  next.last_[user] = erasure;
  next.count_ = erasure.number + 1;
  return keep(std::move(next));
}

std::shared_ptr<const Erasures> ErasureList::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

}  // namespace sartor
