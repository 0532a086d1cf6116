// Result<T>: a value or an Error. The library reports every failure of the outside world this way;
// it never throws, prints or exits. `assert` is for our own mistakes.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace sartor {

// What kind of failure it is. The CLI maps it to an exit code and HTTP to a status, one table each.
enum class ErrorCode {
  invalid_argument,  // a caller's value is out of range
  config,            // sartor.toml or a flag is wrong (exit code 2)
  bad_data,          // a file's contents are wrong (exit code 3)
  not_found,
  io,         // the disk, the network or another program said no
  cancelled,  // somebody asked us to stop; what was done so far is kept
  internal,   // a promise of our own was broken
};

struct Error {
  ErrorCode code;
  std::string message;  // names file, line, field, value and what was expected, where they exist
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return *checked(); }
  const T& value() const& { return *checked(); }
  T&& value() && { return std::move(*checked()); }
  T& operator*() & { return *checked(); }
  const T& operator*() const& { return *checked(); }
  T&& operator*() && { return std::move(*checked()); }
  T* operator->() { return checked(); }
  const T* operator->() const { return checked(); }

  const Error& error() const {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }

 private:
  T* checked() {
    assert(has_value());
    return std::get_if<0>(&state_);
  }
  const T* checked() const {
    assert(has_value());
    return std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return !error_; }
  explicit operator bool() const { return has_value(); }
  const Error& error() const {
    assert(error_);
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

// Puts words in front of a message: where the failure was met. A stop on request has no place.
inline Error within(const std::string& where, Error error) {
  if (error.code == ErrorCode::cancelled) return error;
  error.message = where + ": " + error.message;
  return error;
}

}  // namespace sartor

#define SARTOR_CONCAT_INNER(a, b) a##b
#define SARTOR_CONCAT(a, b) SARTOR_CONCAT_INNER(a, b)

// Hands a failure of `expression` (a Status) to the caller.
#define SARTOR_TRY(expression)                                           \
  do {                                                                   \
    if (auto sartor_status = (expression); !sartor_status.has_value()) { \
      return ::sartor::Error(sartor_status.error());                     \
    }                                                                    \
  } while (false)

// SARTOR_ASSIGN(auto x, f()): x is f's value, or its failure goes to the caller.
#define SARTOR_ASSIGN(declaration, expression) \
  SARTOR_ASSIGN_INNER(SARTOR_CONCAT(sartor_result_, __LINE__), declaration, expression)
#define SARTOR_ASSIGN_INNER(result, declaration, expression)       \
  auto result = (expression);                                      \
  if (!result.has_value()) return ::sartor::Error(result.error()); \
  declaration = std::move(*result)
