#include "sartor/live/key_set.h"

#include <xxhash.h>

#include <utility>

namespace sartor {

KeyHash hash_of_key(std::string_view key) {
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  return {hash.low64, hash.high64};
}

bool KeySet::Table::contains(KeyHash key) const {
  if (places.empty()) return false;
  const std::size_t mask = places.size() - 1;
  for (std::size_t at = key.low & mask; places[at] != KeyHash{}; at = (at + 1) & mask) {
    if (places[at] == key) return true;
  }
  return false;
}

void KeySet::Table::add(KeyHash key) {
  if ((size + 1) * 4 > places.size() * 3) grow();
  const std::size_t mask = places.size() - 1;
  std::size_t at = key.low & mask;
  while (places[at] != KeyHash{}) at = (at + 1) & mask;
  places[at] = key;
  ++size;
}

void KeySet::Table::grow() {
  std::vector<KeyHash> before(places.empty() ? 1024 : places.size() * 2);
  before.swap(places);
  size = 0;
  for (const KeyHash key : before) {
    if (key != KeyHash{}) add(key);
  }
}

void KeySet::add(KeyHash key) {
  if (contains(key)) return;
  if (young_.size >= most_) {
    old_ = std::move(young_);
    young_ = {};
  }
  young_.add(key);
}

}  // namespace sartor
