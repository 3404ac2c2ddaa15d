#include "gamma_extract/column_sums.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace gamma_extract {
namespace {

__extension__ using Uint128 = unsigned __int128;

constexpr int unit_exponent = -149;                    // of the smallest subnormal float32
constexpr int quotient_exponent = unit_exponent - 64;  // of the last bit of a quotient

// A double is (fraction | 2^52) 2^(exponent - 1075), with the exponent as it is stored.
constexpr int double_bias = 1075;
constexpr int double_fraction_bits = 52;

/// The same number with the other sign, in two's complement.
template <std::size_t N>
std::array<std::uint64_t, N> negated(std::array<std::uint64_t, N> words) {
  bool carry = true;
  for (std::uint64_t& word : words) {
    word = ~word;
    carry = __builtin_add_overflow(word, std::uint64_t{carry}, &word);
  }
  return words;
}

/// The 64 bits of `words` that begin at bit `position`.
template <std::size_t N>
std::uint64_t bits_from(const std::array<std::uint64_t, N>& words, std::size_t position) {
  const std::size_t word = position / 64;
  const std::size_t shift = position % 64;
  std::uint64_t bits = word < N ? words[word] >> shift : 0;
  if (shift != 0 && word + 1 < N) bits |= words[word + 1] << (64 - shift);
  return bits;
}

template <std::size_t N>
bool any_bit_below(const std::array<std::uint64_t, N>& words, std::size_t position) {
  const std::size_t word = position / 64;
  const std::uint64_t mask = (std::uint64_t{1} << (position % 64)) - 1;
  return std::any_of(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(word),
                     [](std::uint64_t bits) { return bits != 0; }) ||
         (words[word] & mask) != 0;
}

/// Replaces `words` by the quotient, rounded down.
template <std::size_t N>
void divide(std::array<std::uint64_t, N>& words, std::uint64_t divisor) {
  std::uint64_t remainder = 0;
  for (std::size_t i = N; i-- > 0;) {
    const Uint128 part = (Uint128{remainder} << 64U) | words[i];
    words[i] = static_cast<std::uint64_t>(part / divisor);
    remainder = static_cast<std::uint64_t>(part % divisor);
  }
}

template <std::size_t N>
std::size_t bit_width(const std::array<std::uint64_t, N>& words) {
  for (std::size_t i = N; i-- > 0;) {
    if (words[i] != 0) return 64 * i + static_cast<std::size_t>(std::bit_width(words[i]));
  }
  return 0;
}

}  // namespace

void WideSum::add(double value) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const int exponent = static_cast<int>((bits >> double_fraction_bits) & 0x7ffU);
  // Zero, or a double below the normal range, which no nonzero multiple of 2^-149 is.
  if (exponent == 0) return;
  std::uint64_t mantissa = (bits & ((std::uint64_t{1} << double_fraction_bits) - 1)) |
                           (std::uint64_t{1} << double_fraction_bits);
  int shift = exponent - double_bias - unit_exponent;
  if (shift < 0) {
    mantissa >>= static_cast<unsigned>(-shift);  // drops zeros only
    shift = 0;
  }
  const auto first = static_cast<std::size_t>(shift) / 64;
  const auto offset = static_cast<unsigned>(shift) % 64;
  const std::array<std::uint64_t, 2> parts{mantissa << offset,
                                           offset == 0 ? 0 : mantissa >> (64 - offset)};
  const bool negative = std::signbit(value);
  bool carry = false;
  for (std::size_t i = first; i < limbs; ++i) {
    const std::uint64_t part = i - first < parts.size() ? parts[i - first] : 0;
    if (i - first >= parts.size() && !carry) break;
    const bool out = negative ? __builtin_sub_overflow(words_[i], part, &words_[i])
                              : __builtin_add_overflow(words_[i], part, &words_[i]);
    const std::uint64_t in = carry ? 1 : 0;
    carry = (negative ? __builtin_sub_overflow(words_[i], in, &words_[i])
                      : __builtin_add_overflow(words_[i], in, &words_[i])) ||
            out;
  }
}

void WideSum::add(const WideSum& other) noexcept {
  bool carry = false;
  for (std::size_t i = 0; i < limbs; ++i) {
    const bool out = __builtin_add_overflow(words_[i], other.words_[i], &words_[i]);
    carry = __builtin_add_overflow(words_[i], std::uint64_t{carry}, &words_[i]) || out;
  }
}

std::array<std::uint64_t, WideSum::limbs + 1> WideSum::quotient(
    std::uint64_t count) const noexcept {
  const Words magnitude = negative() ? negated(words_) : words_;
  // Beginning at the second word gives the quotient 64 bits below the unit.
  std::array<std::uint64_t, limbs + 1> quotient{};
  std::ranges::copy(magnitude, quotient.begin() + 1);
  divide(quotient, count);
  return quotient;
}

float WideSum::mean(std::uint64_t count) const noexcept {
  // What the division leaves over cannot decide the rounding: a tie is a multiple of 2^-150, so
  // that a quotient which is none differs from it by 2^-150 / count or more, which shows in 2^-213.
  const auto words = quotient(count);
  // The last place of the result, as a bit of the quotient: 24 bits from the top, but not below the
  // unit of the subnormals, which is bit 64.
  constexpr std::size_t digits = std::numeric_limits<float>::digits;
  const std::size_t last = std::max(bit_width(words), 64 + digits) - digits;
  std::uint64_t mantissa = bits_from(words, last);
  const bool half = (bits_from(words, last - 1) & 1U) != 0;
  if (half && (any_bit_below(words, last - 1) || (mantissa & 1U) != 0)) ++mantissa;

  const float size =
      std::ldexp(static_cast<float>(mantissa), static_cast<int>(last) + quotient_exponent);
  return negative() ? -size : size;
}

double WideSum::approximate_mean(std::uint64_t count) const noexcept {
  const auto words = quotient(count);
  double size = 0;
  for (std::size_t i = words.size(); i-- > 0;) {
    size += std::ldexp(static_cast<double>(words[i]), static_cast<int>(64 * i) + quotient_exponent);
  }
  return negative() ? -size : size;
}

void BlockSums::resize(std::size_t columns) {
  sum.resize(columns);
  smallest.resize(columns);
  largest.resize(columns);
}

ColumnSums::ColumnSums(std::size_t columns) : sums_(columns), nonfinite_(columns) {}

void ColumnSums::add(std::size_t first_column, std::size_t rows, std::span<const float> values,
                     const BlockSums& sums, int significant_bits) {
  const std::size_t columns = sums.sum.size();
  // Columns that float64 cannot sum exactly: value by value, before the lock is taken.
  std::vector<std::pair<std::size_t, WideSum>> spilled;
  std::vector<std::pair<std::size_t, std::uint8_t>> nonfinite;
  for (std::size_t column = 0; column < columns; ++column) {
    if (sum_is_exact(sums.smallest[column], sums.largest[column], rows, significant_bits)) continue;
    WideSum sum;
    std::uint8_t flags = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      const float value = values[row * columns + column];
      if (std::isfinite(value)) {
        sum.add(value);
      } else if (std::isnan(value)) {
        flags |= has_nan;
      } else {
        flags |= value > 0 ? has_positive_infinity : has_negative_infinity;
      }
    }
    spilled.emplace_back(column, sum);
    if (flags != 0) nonfinite.emplace_back(column, flags);
  }

  const std::lock_guard lock(mutex_);
  auto next = spilled.begin();
  for (std::size_t column = 0; column < columns; ++column) {
    WideSum& sum = sums_[first_column + column];
    if (next != spilled.end() && next->first == column) {
      sum.add(next->second);
      ++next;
    } else {
      sum.add(sums.sum[column]);
    }
  }
  for (const auto& [column, flags] : nonfinite) nonfinite_[first_column + column] |= flags;
}

void ColumnSums::add_exact(std::size_t first_column, std::span<const double> sums) {
  const std::lock_guard lock(mutex_);
  for (std::size_t column = 0; column < sums.size(); ++column) {
    sums_[first_column + column].add(sums[column]);
  }
}

std::vector<float> ColumnSums::means(std::uint64_t rows) const {
  std::vector<float> means(sums_.size());
  for (std::size_t column = 0; column < means.size(); ++column) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    switch (nonfinite_[column]) {
      case 0:
        means[column] = sums_[column].mean(rows);
        break;
      case has_positive_infinity:
        means[column] = infinity;
        break;
      case has_negative_infinity:
        means[column] = -infinity;
        break;
      default:
        means[column] = std::numeric_limits<float>::quiet_NaN();
        break;
    }
  }
  return means;
}

std::optional<double> ColumnSums::norm_of_mean(std::uint64_t rows) const {
  const auto is_marked = [](std::uint8_t flags) { return flags != 0; };
  if (std::ranges::any_of(nonfinite_, is_marked)) return std::nullopt;
  double squares = 0;
  for (const WideSum& sum : sums_) {
    const double mean = sum.approximate_mean(rows);
    squares += mean * mean;
  }
  return std::sqrt(squares);
}

}  // namespace gamma_extract
