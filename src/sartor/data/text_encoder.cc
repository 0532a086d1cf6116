#include "sartor/data/text_encoder.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "sartor/base/checksum.h"

namespace sartor {
namespace {

constexpr std::size_t kArenaBlock = 1 << 18;

std::vector<std::uint32_t> sorted_order(const std::vector<std::string_view>& texts) {
  std::vector<std::uint32_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return texts[a] < texts[b]; });
  return order;
}

}  // namespace

std::uint32_t TextEncoder::code(std::string_view text) {
  if (last_ < texts_.size() && texts_[last_] == text) return last_;
  if ((texts_.size() + 1) * 2 > slots_.size()) grow();
  const std::uint64_t hash = hash64(text, 0);
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const std::uint32_t found = slots_[slot] - 1;
    if (hashes_[found] == hash && texts_[found] == text) return last_ = found;
  }
  last_ = static_cast<std::uint32_t>(texts_.size());
  slots_[slot] = last_ + 1;
  texts_.push_back(keep(text));
  hashes_.push_back(hash);
  return last_;
}

std::string_view TextEncoder::keep(std::string_view text) {
  if (text.empty()) return {};
  if (text.size() > free_) {
    free_ = std::max(kArenaBlock, text.size());
    blocks_.push_back(std::make_unique<char[]>(free_));
    next_ = blocks_.back().get();
  }
  std::memcpy(next_, text.data(), text.size());
  const std::string_view kept(next_, text.size());
  next_ += text.size();
  free_ -= text.size();
  return kept;
}

void TextEncoder::grow() {
  slots_.assign(std::max<std::size_t>(1024, slots_.size() * 2), 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t code = 0; code < texts_.size(); ++code) {
    std::size_t slot = hashes_[code] & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<std::uint32_t>(code) + 1;
  }
}

std::uint32_t NumberCodes::code(std::int64_t number, TextEncoder& encoder) {
  constexpr std::int64_t kSmall = 1 << 22;
  if (number >= 0 && number < kSmall) {
    const auto place = static_cast<std::size_t>(number);
    if (place >= small_.size()) small_.resize(std::max(place + 1, small_.size() * 2), kFree);
    if (small_[place] == kFree) small_[place] = encoder.code(std::to_string(number));
    return small_[place];
  }
  if ((size_ + 1) * 2 > slots_.size()) grow();
  Slot& slot = find(number);
  if (slot.code == kFree) {
    slot = {number, encoder.code(std::to_string(number))};
    ++size_;
  }
  return slot.code;
}

NumberCodes::Slot& NumberCodes::find(std::int64_t number) {
  const std::size_t mask = slots_.size() - 1;
  // Fibonacci hashing: the high bits of the product are the mixed ones.
  std::size_t at = (static_cast<std::uint64_t>(number) * 0x9e3779b97f4a7c15U) >> 32 & mask;
  while (slots_[at].code != kFree && slots_[at].number != number) at = (at + 1) & mask;
  return slots_[at];
}

void NumberCodes::grow() {
  std::vector<Slot> old(std::max<std::size_t>(1024, slots_.size() * 2));
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.code != kFree) find(slot.number) = slot;
  }
}

std::vector<std::uint32_t> TextEncoder::ranks() const {
  const auto order = sorted_order(texts_);
  std::vector<std::uint32_t> ranks(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) ranks[order[i]] = static_cast<std::uint32_t>(i);
  return ranks;
}

std::vector<std::string> TextEncoder::sorted() const {
  std::vector<std::string> names;
  names.reserve(texts_.size());
  for (const std::uint32_t code : sorted_order(texts_)) names.emplace_back(texts_[code]);
  return names;
}

}  // namespace sartor
