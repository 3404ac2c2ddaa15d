#include "block_kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "for_each_processor.h"

namespace gamma_extract {
namespace {

constexpr std::uint32_t magnitude_mask = 0x7fffffff;
// Columns summed at a time: their accumulators stay in the first-level cache.
constexpr std::size_t strip_columns = 512;
// Additions that may round go to one of these, by column; added up in order at the end.
// float64 holds the product of two float32 values exactly, so that a fused multiply-add changes
// nothing.
constexpr std::size_t lanes = 16;

FOR_EACH_PROCESSOR void sum_strip(const float* values, std::size_t rows, std::size_t stride,
                                  std::size_t columns, double* sum, std::uint32_t* smallest,
                                  std::uint32_t* largest) {
  // The smallest nonzero magnitude: less one, a zero wraps around to the largest number.
  std::fill_n(sum, columns, 0.0);
  std::fill_n(smallest, columns, std::numeric_limits<std::uint32_t>::max());
  std::fill_n(largest, columns, 0U);
  for (std::size_t row = 0; row < rows; ++row) {
    const float* const line = values + row * stride;
    for (std::size_t j = 0; j < columns; ++j) {
      const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(line[j]) & magnitude_mask;
      sum[j] += line[j];
      smallest[j] = std::min(smallest[j], magnitude - 1);
      largest[j] = std::max(largest[j], magnitude);
    }
  }
  for (std::size_t j = 0; j < columns; ++j) smallest[j] += 1;
}

FOR_EACH_PROCESSOR double sum_of_squares(const float* values, std::size_t count) {
  std::array<double, lanes> sums{};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const double value = values[i + lane];
      sums[lane] += value * value;
    }
  }
  for (std::size_t lane = 0; i < count; ++i, ++lane) {
    const double value = values[i];
    sums[lane] += value * value;
  }
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

FOR_EACH_PROCESSOR bool row_is_finite_difference(const float* values, const float* mu,
                                                 const float* centered, std::size_t count) {
  std::uint32_t different = 0;
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto expected = std::bit_cast<std::uint32_t>(values[i] - mu[i]);
    different |= expected ^ std::bit_cast<std::uint32_t>(centered[i]);
    largest = std::max(largest, expected & magnitude_mask);
  }
  return different == 0 && largest < infinity_bits;
}

}  // namespace

void block_sums(std::span<const float> values, std::size_t columns, BlockSums& sums) {
  const std::size_t rows = values.size() / columns;
  sums.resize(columns);
  for (std::size_t first = 0; first < columns; first += strip_columns) {
    sum_strip(values.data() + first, rows, columns, std::min(strip_columns, columns - first),
              sums.sum.data() + first, sums.smallest.data() + first, sums.largest.data() + first);
  }
}

void row_squares(std::span<const float> values, std::size_t columns, std::span<double> squares) {
  for (std::size_t row = 0; row < squares.size(); ++row) {
    squares[row] = sum_of_squares(values.data() + row * columns, columns);
  }
}

bool is_finite_difference(std::span<const float> values, std::span<const float> mu,
                          std::span<const float> centered) {
  for (std::size_t i = 0; i < values.size(); i += mu.size()) {
    if (!row_is_finite_difference(values.data() + i, mu.data(), centered.data() + i, mu.size())) {
      return false;
    }
  }
  return true;
}

void canonicalize_nan(std::span<float> values) {
  for (float& value : values) {
    if (std::isnan(value)) value = std::numeric_limits<float>::quiet_NaN();
  }
}

}  // namespace gamma_extract
