#ifndef GAMMA_EXTRACT_BLOCK_KERNELS_H_
#define GAMMA_EXTRACT_BLOCK_KERNELS_H_

#include <cstddef>
#include <span>

#include "gamma_extract/column_sums.h"

/// The loops that touch every value, without libtorch, so that sanitizers cover them.
///
/// Each gives the same bits whatever the processor: additions that may round are made in a fixed
/// order, in lanes, however wide the vectors are.
namespace gamma_extract {

/// Sum, smallest nonzero and largest magnitude of each column of `values`, rows x columns,
/// row-major.
void block_sums(std::span<const float> values, std::size_t columns, BlockSums& sums);

/// Adds the sum of the squares of each row of `values` to `squares`, which has a place for each
/// row.
void row_squares(std::span<const float> values, std::size_t columns, std::span<double> squares);

/// Whether every value of `centered` is `values` - `mu`, of its row and column, bit for bit, and
/// finite. `values` and `centered` are rows x columns, `mu` has a value a column.
bool is_finite_difference(std::span<const float> values, std::span<const float> mu,
                          std::span<const float> centered);

/// Makes every NaN the quiet NaN 0x7fc00000.
void canonicalize_nan(std::span<float> values);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_BLOCK_KERNELS_H_
