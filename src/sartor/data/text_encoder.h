// Texts -> 0, 1, 2, … in the order of their first appearance. One copy of each text is kept.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sartor {

class TextEncoder {
 public:
  // The code of `text`, a new one if it is new.
  std::uint32_t code(std::string_view text);

  std::size_t size() const { return texts_.size(); }
  std::string_view text(std::uint32_t code) const { return texts_[code]; }
  // Position of each code's text among all, sorted by bytes.
  std::vector<std::uint32_t> ranks() const;
  // The texts sorted by bytes.
  std::vector<std::string> sorted() const;

 private:
  std::string_view keep(std::string_view text);
  void grow();

  std::vector<std::string_view> texts_;  // into blocks_
  std::vector<std::uint64_t> hashes_;    // of each text
  std::vector<std::uint32_t> slots_;     // open addressing; code + 1, 0 is free
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t free_ = 0;  // bytes left in the last block
  char* next_ = nullptr;
  std::uint32_t last_ = 0;  // logs repeat themselves: the last answer
};

// The codes that a TextEncoder gives to whole numbers, each made a text once and not every time.
class NumberCodes {
 public:
  // That of the text of `number`, in decimal digits. Always the same `encoder`.
  std::uint32_t code(std::int64_t number, TextEncoder& encoder);

 private:
  void grow();

  struct Slot {
    std::int64_t number = 0;
    std::uint32_t code = kFree;
  };
  static constexpr std::uint32_t kFree = 0xffffffff;
  Slot& find(std::int64_t number);  // its own, or the free one that is to become its own

  std::vector<std::uint32_t> small_;  // by number, for those that a table can hold
  std::vector<Slot> slots_;           // open addressing, for the others
  std::size_t size_ = 0;              // of these
};

}  // namespace sartor
