#include "partial_sums.h"

#include <algorithm>
#include <utility>

#include "vectors.h"

namespace gamma_extract {
namespace {

struct Sums {
  const double* sum;
  const std::uint32_t* smallest;
  const std::uint32_t* largest;
};

Sums view(const BlockSums& sums) {
  return {.sum = sums.sum.data(), .smallest = sums.smallest.data(), .largest = sums.largest.data()};
}

/// What two parts have together, and the most binades that one of its columns spans.
GAMMA_EXTRACT_LOOP void join_columns(std::size_t columns, const Sums& left, const Sums& right,
                                     BlockSums* joined, int* most_binades) {
  double* const sum = joined->sum.data();
  std::uint32_t* const smallest = joined->smallest.data();
  std::uint32_t* const largest = joined->largest.data();
  int most = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    sum[i] = left.sum[i] + right.sum[i];
    // 0 stands for none: less one, it is larger than any other.
    smallest[i] = std::min(left.smallest[i] - 1, right.smallest[i] - 1) + 1;
    largest[i] = std::max(left.largest[i], right.largest[i]);
    most = std::max(most, binades_between(smallest[i], largest[i]));
  }
  *most_binades = most;
}

/// Whether the sum of both is exact in each column. `left` and `right` have the same columns.
bool join(const BlockSums& left, const BlockSums& right, std::uint64_t rows, int significant_bits,
          BlockSums& joined) {
  joined.resize(left.sum.size());
  int most = 0;
  VectorLoop<join_columns>::run(widest_vectors(), left.sum.size(), view(left), view(right), &joined,
                                &most);
  return sum_is_exact(most, rows, significant_bits);
}

}  // namespace

PartialSums::PartialSums(ColumnSums& total, int significant_bits)
    : total_(total), significant_bits_(significant_bits) {}

void PartialSums::add(std::size_t first_column, std::size_t rows, std::span<const float> values,
                      const BlockSums& sums) {
  if (first_column != first_column_ || sums.sum.size() != sums_.sum.size()) {
    flush();
    begin(first_column, sums.sum.size());
  }
  if (!join(sums_, sums, rows_ + rows, significant_bits_, joined_)) {
    flush();
    if (!join(sums_, sums, rows, significant_bits_, joined_)) {
      total_.add(first_column, rows, values, sums, significant_bits_);
      return;
    }
  }
  std::swap(sums_, joined_);
  rows_ += rows;
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

}  // namespace gamma_extract
