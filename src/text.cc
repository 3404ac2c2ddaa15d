#include "gamma_extract/text.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <optional>

namespace gamma_extract {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

/// The beginning of some text: a code point, or the longest part that is no UTF-8.
struct Head {
  std::optional<char32_t> code_point;
  std::size_t length = 0;
};

/// What a first byte promises: how many bytes follow, and the range of the next one, which is
/// narrower than 0x80 to 0xbf where that keeps out overlong forms, surrogates, and what is beyond
/// U+10FFFF (the Unicode Standard, table 3-7).
struct Promise {
  std::size_t following = 0;
  unsigned next_least = 0x80;
  unsigned next_most = 0xbf;
};

std::optional<Promise> promise_of(unsigned first) {
  if (first < 0x80) return Promise{.following = 0};
  if (first >= 0xc2 && first <= 0xdf) return Promise{.following = 1};
  if (first == 0xe0) return Promise{.following = 2, .next_least = 0xa0};
  if (first == 0xed) return Promise{.following = 2, .next_most = 0x9f};
  if (first >= 0xe1 && first <= 0xef) return Promise{.following = 2};
  if (first == 0xf0) return Promise{.following = 3, .next_least = 0x90};
  if (first == 0xf4) return Promise{.following = 3, .next_most = 0x8f};
  if (first >= 0xf1 && first <= 0xf3) return Promise{.following = 3};
  return std::nullopt;
}

/// The head of `text`, which is not empty.
Head head_of(std::string_view text) {
  const auto byte = [text](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const std::optional<Promise> promise = promise_of(byte(0));
  if (!promise) return {.code_point = std::nullopt, .length = 1};

  const std::size_t following = promise->following;
  char32_t code_point = following == 0 ? byte(0) : byte(0) & (0x3fU >> following);
  unsigned least = promise->next_least;
  unsigned most = promise->next_most;
  for (std::size_t i = 1; i <= following; ++i) {
    if (i >= text.size() || byte(i) < least || byte(i) > most) {
      return {.code_point = std::nullopt, .length = i};
    }
    code_point = code_point << 6U | (byte(i) & 0x3fU);
    least = 0x80;
    most = 0xbf;
  }
  return {.code_point = code_point, .length = following + 1};
}

bool is_between(char32_t code_point, char32_t first, char32_t last) {
  return code_point >= first && code_point <= last;
}

/// Controls, and what breaks or reorders a line (Unicode's Bidi_Control and the separators).
bool must_be_escaped(char32_t code_point) {
  return code_point < 0x20 || is_between(code_point, 0x7f, 0x9f) || code_point == 0x61c ||
         is_between(code_point, 0x200e, 0x200f) || is_between(code_point, 0x2028, 0x202e) ||
         is_between(code_point, 0x2066, 0x2069);
}

std::string escaped(char32_t code_point) {
  switch (code_point) {
    case U'\n':
      return "\\n";
    case U'\r':
      return "\\r";
    case U'\t':
      return "\\t";
    default:
      // Two digits for ASCII alone: \x85 is a byte that is no UTF-8, \u0085 a control character.
      return code_point < 0x80 ? fmt::format("\\x{:02x}", static_cast<unsigned>(code_point))
                               : fmt::format("\\u{:04x}", static_cast<unsigned>(code_point));
  }
}

}  // namespace

std::string to_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Head head = head_of(text);
    result += head.code_point ? text.substr(0, head.length) : replacement;
    text.remove_prefix(head.length);
  }
  return result;
}

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Head head = head_of(text);
    const std::string_view part = text.substr(0, head.length);
    if (!head.code_point) {
      for (const char byte : part) {
        result += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
      }
    } else if (must_be_escaped(*head.code_point)) {
      result += escaped(*head.code_point);
    } else {
      result += part;
    }
    text.remove_prefix(head.length);
  }
  return result;
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& letter : result) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return result;
}

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  constexpr std::array units{"kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  // 999.5 and more has three digits only as 1.00 of the next unit.
  while (value >= 999.5) {
    value /= 1000;
    ++unit;
  }
  int decimals = 0;
  if (value < 99.95) decimals = 1;
  if (value < 9.995) decimals = 2;
  return fmt::format("{:.{}f} {}", value, decimals, units.at(unit));
}

}  // namespace gamma_extract
