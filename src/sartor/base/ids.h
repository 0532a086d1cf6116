// Users and items inside the engine: positions in a Vocabulary, as types that cannot be mixed up.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace sartor {

struct UserId {
  std::uint32_t value = std::numeric_limits<std::uint32_t>::max();
  std::size_t index() const { return value; }
  auto operator<=>(const UserId&) const = default;
};

struct ItemId {
  std::uint32_t value = std::numeric_limits<std::uint32_t>::max();
  std::size_t index() const { return value; }
  auto operator<=>(const ItemId&) const = default;
};

// A user the system has never seen: an anonymous visitor, or an id that is not in the vocabulary.
inline constexpr UserId kNoUser{};

}  // namespace sartor
