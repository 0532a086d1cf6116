// The latest keys of a log, to tell repetitions: at least `most` of them, at most twice as many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sartor {

// 128 bits of XXH3: among a billion keys, two are taken for one with probability 1e-21.
struct KeyHash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const KeyHash&) const = default;
};
KeyHash hash_of_key(std::string_view key);

// Two generations of `most` keys: when the younger is full, the older is forgotten. 32 bytes a key
// on average. Not safe to change from several threads.
class KeySet {
 public:
  explicit KeySet(std::size_t most) : most_(most < 1 ? 1 : most) {}

  bool contains(KeyHash key) const { return young_.contains(key) || old_.contains(key); }
  void add(KeyHash key);
  std::size_t size() const { return young_.size + old_.size; }

 private:
  // Open addressing, at most three quarters full; {0, 0} is an empty place (a key with this hash is
  // never found, which costs one repetition in 2^128).
  struct Table {
    std::vector<KeyHash> places;
    std::size_t size = 0;
    bool contains(KeyHash key) const;
    void add(KeyHash key);
    void grow();
  };

  std::size_t most_;
  Table young_;
  Table old_;
};

}  // namespace sartor
