#include "natural_order.h"

#include <algorithm>
#include <compare>
#include <cstddef>

namespace gamma_extract {
namespace {

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

/// Takes the digits at the beginning of `text` off it; returns them without leading zeros.
std::string_view take_number(std::string_view& text) {
  const auto* const end = std::ranges::find_if_not(text, is_digit);
  std::string_view number = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(number.size());
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  return number;
}

/// Of two without leading zeros the longer is the larger.
std::strong_ordering compare_numbers(std::string_view left, std::string_view right) {
  return left.size() == right.size() ? left <=> right : left.size() <=> right.size();
}

/// Takes off what both begin with, but for the digits of a number that goes on.
void skip_common(std::string_view& left, std::string_view& right) {
  const auto* const end = std::ranges::mismatch(left, right).in1;
  auto common = static_cast<std::size_t>(end - left.begin());
  while (common > 0 && is_digit(left[common - 1])) --common;
  left.remove_prefix(common);
  right.remove_prefix(common);
}

std::strong_ordering compare(std::string_view left, std::string_view right) {
  while (true) {
    skip_common(left, right);
    if (left.empty() || right.empty() || !is_digit(left[0]) || !is_digit(right[0])) {
      return left <=> right;
    }
    const std::string_view number = take_number(left);
    const auto order = compare_numbers(number, take_number(right));
    if (order != std::strong_ordering::equal) return order;
  }
}

}  // namespace

bool NaturalOrder::operator()(std::string_view left, std::string_view right) const noexcept {
  const auto order = compare(left, right);
  return order == std::strong_ordering::equal ? left < right : order == std::strong_ordering::less;
}

}  // namespace gamma_extract
