#include "block_kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace gamma_extract {
namespace {

constexpr std::uint32_t magnitude_mask = 0x7fffffff;
// Columns looked at together: their sums and some rows of them stay in the first-level cache.
constexpr std::size_t strip_columns = 512;
// Rows added to their columns' sums at a time: each sum is loaded and stored once for all of them.
constexpr std::size_t rows_at_once = 4;
// Additions that may round go to one of these, by column; added up in order at the end.
// float64 holds the product of two float32 values exactly, so that a fused multiply-add changes
// nothing.
constexpr std::size_t lanes = 16;
using Lanes = std::array<double, lanes>;
static_assert(strip_columns % lanes == 0);  // so that a column's lane does not depend on its strip

/// Where the sums of some columns are.
struct Columns {
  double* sum;
  std::uint32_t* smallest;  // less one, so that a zero wraps around to the largest number
  std::uint32_t* largest;

  [[nodiscard]] Columns from(std::size_t first) const {
    return {.sum = sum + first, .smallest = smallest + first, .largest = largest + first};
  }
};

/// Some columns of some rows.
struct Strip {
  const float* values;  // of the first row
  std::size_t stride;   // from a row to the next
  std::size_t rows;
  std::size_t columns;
};

Columns start_sums(BlockSums& sums, std::size_t columns) {
  sums.sum.assign(columns, 0.0);
  sums.smallest.assign(columns, std::numeric_limits<std::uint32_t>::max());
  sums.largest.assign(columns, 0U);
  return {.sum = sums.sum.data(), .smallest = sums.smallest.data(), .largest = sums.largest.data()};
}

void finish_sums(BlockSums& sums) {
  for (std::uint32_t& smallest : sums.smallest) smallest += 1;
}

template <std::size_t Rows>
GAMMA_EXTRACT_LOOP void add_rows(const float* values, std::size_t stride, std::size_t columns,
                                 const Columns& totals) {
  for (std::size_t j = 0; j < columns; ++j) {
    double sum = totals.sum[j];
    std::uint32_t smallest = totals.smallest[j];
    std::uint32_t largest = totals.largest[j];
    for (std::size_t row = 0; row < Rows; ++row) {
      const float value = values[row * stride + j];
      const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(value) & magnitude_mask;
      sum += value;
      smallest = std::min(smallest, magnitude - 1);
      largest = std::max(largest, magnitude);
    }
    totals.sum[j] = sum;
    totals.smallest[j] = smallest;
    totals.largest[j] = largest;
  }
}

GAMMA_EXTRACT_LOOP void add_strip(const Strip& strip, const Columns& totals) {
  std::size_t row = 0;
  for (; row + rows_at_once <= strip.rows; row += rows_at_once) {
    add_rows<rows_at_once>(strip.values + row * strip.stride, strip.stride, strip.columns, totals);
  }
  for (; row < strip.rows; ++row) {
    add_rows<1>(strip.values + row * strip.stride, strip.stride, strip.columns, totals);
  }
}

GAMMA_EXTRACT_LOOP void subtract(const float* values, const float* mu, std::size_t count,
                                 float* differences) {
  for (std::size_t i = 0; i < count; ++i) differences[i] = values[i] - mu[i];
}

/// Of a part of a row that begins at a multiple of `lanes`.
GAMMA_EXTRACT_LOOP void add_squares(const float* values, std::size_t count, Lanes& squares) {
  Lanes sums = squares;  // of its own, so that the compiler keeps it in registers
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
  squares = sums;
}

/// The squares of a row and of what is left of it, so far.
struct RowSquares {
  Lanes values{};
  Lanes centered{};
};

/// `squares` has a place for each row of the strip, `centered` the strides of `strip`.
GAMMA_EXTRACT_LOOP void center_strip(const Strip& strip, const float* mu, float* centered,
                                     RowSquares* squares, const Columns& totals) {
  for (std::size_t row = 0; row < strip.rows; ++row) {
    const float* const values = strip.values + row * strip.stride;
    float* const differences = centered + row * strip.stride;
    subtract(values, mu, strip.columns, differences);
    add_squares(values, strip.columns, squares[row].values);
    add_squares(differences, strip.columns, squares[row].centered);
  }
  add_strip(
      {.values = centered, .stride = strip.stride, .rows = strip.rows, .columns = strip.columns},
      totals);
}

double total(const Lanes& sums) {
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

GAMMA_EXTRACT_LOOP void row_is_finite_difference(const float* values, const float* mu,
                                                 const float* centered, std::size_t count,
                                                 bool* result) {
  std::uint32_t different = 0;
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto expected = std::bit_cast<std::uint32_t>(values[i] - mu[i]);
    different |= expected ^ std::bit_cast<std::uint32_t>(centered[i]);
    largest = std::max(largest, expected & magnitude_mask);
  }
  *result = different == 0 && largest < infinity_bits;
}

}  // namespace

void block_sums(std::span<const float> values, std::size_t columns, BlockSums& sums,
                Vectors vectors) {
  const Columns totals = start_sums(sums, columns);
  for (std::size_t first = 0; first < columns; first += strip_columns) {
    VectorLoop<add_strip>::run(vectors,
                               {.values = values.data() + first,
                                .stride = columns,
                                .rows = values.size() / columns,
                                .columns = std::min(strip_columns, columns - first)},
                               totals.from(first));
  }
  finish_sums(sums);
}

void center_block(std::span<const float> values, std::span<const float> mu,
                  const CenteredBlock& result, BlockSums& sums, Vectors vectors) {
  const std::size_t columns = mu.size();
  const std::size_t rows = result.squares.size();
  const Columns totals = start_sums(sums, columns);
  for (std::size_t row = 0; row < rows; row += rows_at_once) {
    const std::size_t count = std::min(rows_at_once, rows - row);
    std::array<RowSquares, rows_at_once> squares;
    for (std::size_t first = 0; first < columns; first += strip_columns) {
      VectorLoop<center_strip>::run(vectors,
                                    {.values = values.data() + row * columns + first,
                                     .stride = columns,
                                     .rows = count,
                                     .columns = std::min(strip_columns, columns - first)},
                                    mu.data() + first,
                                    result.centered.data() + row * columns + first, squares.data(),
                                    totals.from(first));
    }
    for (std::size_t i = 0; i < count; ++i) {
      result.squares[row + i] = total(squares[i].values);
      result.centered_squares[row + i] = total(squares[i].centered);
    }
  }
  finish_sums(sums);
}

bool is_finite_difference(std::span<const float> values, std::span<const float> mu,
                          std::span<const float> centered, Vectors vectors) {
  bool result = true;
  for (std::size_t i = 0; i < values.size() && result; i += mu.size()) {
    VectorLoop<row_is_finite_difference>::run(vectors, values.data() + i, mu.data(),
                                              centered.data() + i, mu.size(), &result);
  }
  return result;
}

void canonicalize_nan(std::span<float> values) {
  for (float& value : values) {
    if (std::isnan(value)) value = std::numeric_limits<float>::quiet_NaN();
  }
}

}  // namespace gamma_extract
