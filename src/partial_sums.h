#ifndef GAMMA_EXTRACT_PARTIAL_SUMS_H_
#define GAMMA_EXTRACT_PARTIAL_SUMS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "gamma_extract/column_sums.h"
#include "vectors.h"

namespace gamma_extract {

/// Sums of columns that one thread adds up by itself before they go into the exact ones.
///
/// A block is some 100 rows, and to add its sums to the integers of ColumnSums takes as long as to
/// sum it. So the sums of block after block are added up in float64, for as long as that is exact
/// in any order (sum_is_exact() of all their rows together), and only then go there. Exact both
/// ways, so that nothing in the result tells which way it came. 16 bytes a column of a block.
class PartialSums {
 public:
  /// `total` belongs to the caller and is shared by the threads. `significant_bits` are those of
  /// the type that the values were stored in. `vectors` is for tests.
  PartialSums(ColumnSums& total, int significant_bits, Vectors vectors = widest_vectors());

  /// Adds a block; its arguments are those of ColumnSums::add().
  void add(std::size_t first_column, std::size_t rows, std::span<const float> values,
           const BlockSums& sums);

  /// Hands over what is not in the total yet.
  void flush();

 private:
  void begin(std::size_t first_column, std::size_t columns);
  /// Whether what is here and a block are exact together.
  [[nodiscard]] bool fits(std::size_t rows, const BlockSums& sums) const;
  void take_in(std::size_t rows, const BlockSums& sums);

  ColumnSums& total_;
  int significant_bits_;
  Vectors vectors_;
  std::size_t first_column_ = 0;
  std::uint64_t rows_ = 0;
  BlockSums sums_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_PARTIAL_SUMS_H_
