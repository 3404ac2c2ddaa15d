#include "natural_order.h"

#include <algorithm>
#include <compare>
#include <cstddef>

namespace gamma_extract {
namespace {

constexpr std::string_view digits = "0123456789";

/// Takes the digits at the beginning of `text` off it; returns them without leading zeros.
std::string_view take_number(std::string_view& text) {
  std::string_view number = text.substr(0, text.find_first_not_of(digits));
  text.remove_prefix(number.size());
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  return number;
}

/// Of two without leading zeros the longer is the larger.
std::strong_ordering compare_numbers(std::string_view left, std::string_view right) {
  return left.size() == right.size() ? left <=> right : left.size() <=> right.size();
}

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

std::strong_ordering compare(std::string_view left, std::string_view right) {
  while (!left.empty() && !right.empty()) {
    if (is_digit(left.front()) && is_digit(right.front())) {
      const std::string_view number = take_number(left);
      const auto order = compare_numbers(number, take_number(right));
      if (order != std::strong_ordering::equal) return order;
      continue;
    }
    if (left.front() != right.front()) return left.substr(0, 1) <=> right.substr(0, 1);
    left.remove_prefix(1);
    right.remove_prefix(1);
  }
  return left.size() <=> right.size();
}

}  // namespace

bool NaturalOrder::operator()(std::string_view left, std::string_view right) const noexcept {
  const auto order = compare(left, right);
  return order == std::strong_ordering::equal ? left < right : order == std::strong_ordering::less;
}

}  // namespace gamma_extract
