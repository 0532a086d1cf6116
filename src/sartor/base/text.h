// Small things about text that several modules need.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sartor {

// The candidate with the smallest edit distance to `word`, or "" if none is near enough to be meant
// (more than a third of its letters differ).
std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

// " (did you mean 'x'?)" or "": the tail of a message about an unknown word.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

// Whether `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

// `text` made fit for a message: control characters and bad bytes as \xNN, cut after `most` bytes.
std::string printable(std::string_view text, std::size_t most = 80);

// ASCII letters only: the same in any locale, and no other byte changes.
std::string lower_case(std::string text);

// "1,234,567".
std::string with_thousands(long long n);

std::string join(std::span<const std::string> words, std::string_view between);

// The shortest decimal text that reads back as the same double; "null" for NaN and infinities.
std::string shortest(double value);

}  // namespace sartor
