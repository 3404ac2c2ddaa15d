#ifndef GAMMA_EXTRACT_BLOCK_KERNELS_H_
#define GAMMA_EXTRACT_BLOCK_KERNELS_H_

#include <cstddef>
#include <span>

#include "gamma_extract/column_sums.h"
#include "vectors.h"

/// The loops that touch every value.
///
/// Each gives the same bits whatever the processor: additions that may round are made in a fixed
/// order, in lanes, however wide the vectors are. `vectors` is for tests.
namespace gamma_extract {

/// Sum, smallest nonzero and largest magnitude of each column of `values`, rows x columns,
/// row-major.
void block_sums(std::span<const float> values, std::size_t columns, BlockSums& sums,
                Vectors vectors = widest_vectors());

/// What center_block() fills.
struct CenteredBlock {
  std::span<float> centered;           ///< rows x columns: value - mu
  std::span<double> squares;           ///< rows: the sum of the squares of each row of values
  std::span<double> centered_squares;  ///< rows: likewise of `centered`
};

/// Subtracts mu from each row of `values`, rows x columns, row-major, where `mu` has a value a
/// column, and measures both; `sums` are of the columns of the differences. One reading for all
/// of it, while a row is in the processor's first cache.
void center_block(std::span<const float> values, std::span<const float> mu,
                  const CenteredBlock& result, BlockSums& sums, Vectors vectors = widest_vectors());

/// Whether every value of `centered` is `values` - `mu`, of its row and column, bit for bit, and
/// finite. `values` and `centered` are rows x columns, `mu` has a value a column.
bool is_finite_difference(std::span<const float> values, std::span<const float> mu,
                          std::span<const float> centered, Vectors vectors = widest_vectors());

/// Makes every NaN the quiet NaN 0x7fc00000.
void canonicalize_nan(std::span<float> values);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_BLOCK_KERNELS_H_
