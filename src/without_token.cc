#include "without_token.h"

#include <charconv>
#include <optional>
#include <system_error>

namespace gamma_extract {
namespace {

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool is_same(char one, char other) {
  return lower(one) == lower(other);
}

constexpr std::size_t encoded_length = 3;  // of %2F

/// The letter that `text` begins with, percent-encoded.
std::optional<char> encoded_letter(std::string_view text) {
  if (text.size() < encoded_length || text.front() != '%') return std::nullopt;
  constexpr int hexadecimal = 16;
  unsigned char letter = 0;
  const char* const end = text.data() + encoded_length;
  const auto [read, error] = std::from_chars(text.data() + 1, end, letter, hexadecimal);
  if (error != std::errc() || read != end) return std::nullopt;
  return static_cast<char>(letter);
}

/// How many letters of `text` are the token, which it begins with; 0: it does not.
std::size_t token_length(std::string_view text, std::string_view token) {
  std::size_t length = 0;
  for (const char wanted : token) {
    const std::string_view rest = text.substr(length);
    if (const auto letter = encoded_letter(rest); letter && is_same(*letter, wanted)) {
      length += encoded_length;
    } else if (!rest.empty() && is_same(rest.front(), wanted)) {
      ++length;
    } else {
      return 0;
    }
  }
  return length;
}

}  // namespace

std::string without_token(std::string_view text, std::string_view token) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = token_length(text, token);
    if (length == 0) {
      result += text.front();
      text.remove_prefix(1);
    } else {
      result += "***";
      text.remove_prefix(length);
    }
  }
  return result;
}

}  // namespace gamma_extract
