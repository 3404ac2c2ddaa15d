#include "partial_sums.h"

#include <algorithm>

namespace gamma_extract {
namespace {

/// Bits of the magnitudes in each of some columns.
struct Magnitudes {
  const std::uint32_t* smallest;
  const std::uint32_t* largest;
};

Magnitudes magnitudes(const BlockSums& sums) {
  return {.smallest = sums.smallest.data(), .largest = sums.largest.data()};
}

/// The smaller of two smallest nonzero magnitudes, where 0 stands for none: less one, it is larger
/// than any other.
GAMMA_EXTRACT_LOOP std::uint32_t smaller(std::uint32_t left, std::uint32_t right) {
  return std::min(left - 1, right - 1) + 1;
}

/// Of the columns of two parts together.
struct Extent {
  std::uint32_t binades = 0;  // the most that a column spans
  std::uint32_t largest = 0;  // magnitude of all
};

GAMMA_EXTRACT_LOOP void measure_together(std::size_t columns, const Magnitudes& left,
                                         const Magnitudes& right, Extent* extent) {
  Extent found;
  for (std::size_t i = 0; i < columns; ++i) {
    const std::uint32_t smallest = smaller(left.smallest[i], right.smallest[i]);
    const std::uint32_t largest = std::max(left.largest[i], right.largest[i]);
    found.binades = std::max(found.binades, binades_between(smallest, largest));
    found.largest = std::max(found.largest, largest);
  }
  *extent = found;
}

GAMMA_EXTRACT_LOOP void add_sums(std::size_t columns, const double* __restrict from,
                                 double* __restrict to) {
  for (std::size_t i = 0; i < columns; ++i) to[i] += from[i];
}

GAMMA_EXTRACT_LOOP void widen_magnitudes(std::size_t columns, const Magnitudes& from,
                                         std::uint32_t* __restrict smallest,
                                         std::uint32_t* __restrict largest) {
  for (std::size_t i = 0; i < columns; ++i) {
    smallest[i] = smaller(smallest[i], from.smallest[i]);
    largest[i] = std::max(largest[i], from.largest[i]);
  }
}

}  // namespace

PartialSums::PartialSums(ColumnSums& total, int significant_bits, Vectors vectors)
    : total_(total), significant_bits_(significant_bits), vectors_(vectors) {}

void PartialSums::add(std::size_t first_column, std::size_t rows, std::span<const float> values,
                      const BlockSums& sums) {
  if (first_column != first_column_ || sums.sum.size() != sums_.sum.size()) {
    flush();
    begin(first_column, sums.sum.size());
  }
  if (rows_ != 0 && !fits(rows, sums)) flush();
  if (rows_ == 0 && !fits(rows, sums)) {
    total_.add(first_column, rows, values, sums, significant_bits_);
    return;
  }
  take_in(rows, sums);
}

void PartialSums::flush() {
  if (rows_ == 0) return;
  total_.add_exact(first_column_, sums_.sum);
  begin(first_column_, sums_.sum.size());
}

void PartialSums::begin(std::size_t first_column, std::size_t columns) {
  first_column_ = first_column;
  rows_ = 0;
  sums_.sum.assign(columns, 0.0);
  sums_.smallest.assign(columns, 0U);
  sums_.largest.assign(columns, 0U);
}

bool PartialSums::fits(std::size_t rows, const BlockSums& sums) const {
  Extent extent;
  VectorLoop<measure_together>::run(vectors_, sums.sum.size(), magnitudes(sums_), magnitudes(sums),
                                    &extent);
  return extent.largest < infinity_bits &&
         sum_is_exact(extent.binades, rows_ + rows, significant_bits_);
}

void PartialSums::take_in(std::size_t rows, const BlockSums& sums) {
  const std::size_t columns = sums.sum.size();
  rows_ += rows;
  VectorLoop<add_sums>::run(vectors_, columns, sums.sum.data(), sums_.sum.data());
  VectorLoop<widen_magnitudes>::run(vectors_, columns, magnitudes(sums), sums_.smallest.data(),
                                    sums_.largest.data());
}

}  // namespace gamma_extract
