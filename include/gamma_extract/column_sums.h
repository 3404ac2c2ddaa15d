#ifndef GAMMA_EXTRACT_COLUMN_SUMS_H_
#define GAMMA_EXTRACT_COLUMN_SUMS_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

/// Exact sums of columns of float32 values, and their means, rounded once.
///
/// A sum of float32 values is a multiple of 2^-149 and below 2^128 V in size: an integer of some
/// 340 bits. Kept as such an integer it has no rounding, so that order, threads and devices change
/// nothing. Adding each value to so wide an integer would be slow; so a block of rows is first
/// summed in float64, where that is exact in any order, and only the block's sum goes into the
/// integer.
///
/// Exact in any order: if every value of a column is a multiple of a unit u, and R max|x| <= 2^53
/// u, then so is every partial sum, and float64 holds it exactly. The unit follows from the
/// smallest nonzero magnitude and the number of significant bits of the stored type. Real weights
/// nearly always meet this condition; a column of a block that does not is added value by value.
///
/// docs/arithmetic.md has the proof and the bounds.
namespace gamma_extract {

/// A signed integer of 384 bits, in units of 2^-149 (the smallest subnormal float32).
class WideSum {
 public:
  /// Adds a finite value that is a multiple of 2^-149, and below 2^192.
  void add(double value) noexcept;
  void add(const WideSum& other) noexcept;

  /// This sum divided by `count` (not 0, below 2^63), rounded once to float32, ties to even. A sum
  /// of zero gives +0; a quotient that rounds to zero keeps its sign.
  [[nodiscard]] float mean(std::uint64_t count) const noexcept;

  /// The same quotient in float64, to within 2^-52 of its size and 2^-213. For statistics.
  [[nodiscard]] double approximate_mean(std::uint64_t count) const noexcept;

 private:
  static constexpr std::size_t limbs = 6;
  using Words = std::array<std::uint64_t, limbs>;

  /// The magnitude divided by `count`, in units of 2^-213, rounded down.
  [[nodiscard]] std::array<std::uint64_t, limbs + 1> quotient(std::uint64_t count) const noexcept;
  [[nodiscard]] bool negative() const noexcept { return (words_.back() >> 63U) != 0; }

  Words words_{};  // two's complement, least significant first
};

/// The bits of float32's infinity: a magnitude whose bits are not below them is not finite.
inline constexpr std::uint32_t infinity_bits = 0x7f800000;

/// What one pass over a block tells of each of its columns.
struct BlockSums {
  std::vector<double> sum;  ///< in float64, in any order
  std::vector<std::uint32_t>
      smallest;  ///< bits of the smallest nonzero magnitude, 0 if all are zero
  std::vector<std::uint32_t>
      largest;  ///< bits of the largest magnitude; >= infinity_bits: not finite

  void resize(std::size_t columns);
};

/// How many binades lie between the exponents of two finite magnitudes, given by their bits, the
/// smaller one first: subnormals have that of the smallest normal number.
inline std::uint32_t binades_between(std::uint32_t smallest, std::uint32_t largest) noexcept {
  return std::max(largest >> 23U, 1U) - std::max(smallest >> 23U, 1U);
}

/// Whether the float64 sum of `rows` finite values is exact in any order, given the binades between
/// their smallest nonzero and their largest magnitude and the number of significant bits of the
/// type that they were stored in (8 for BF16, 11 for F16, 24 otherwise).
inline bool sum_is_exact(std::uint32_t binades, std::uint64_t rows, int significant_bits) noexcept {
  // With exponents low and high, each value is a multiple of 2^(low - significant_bits + 1), and
  // each magnitude is below 2^(high + 1).
  return static_cast<int>(binades) + significant_bits + std::bit_width(rows - 1) <=
         std::numeric_limits<double>::digits;
}

/// The same, given the bits of the two magnitudes: false if the larger one is not finite.
inline bool sum_is_exact(std::uint32_t smallest, std::uint32_t largest, std::uint64_t rows,
                         int significant_bits) noexcept {
  return largest < infinity_bits &&
         sum_is_exact(binades_between(smallest, largest), rows, significant_bits);
}

/// The exact sums of all columns of a matrix. Thread-safe: blocks may be added from any thread in
/// any order, with the same result. 48 bytes a column.
class ColumnSums {
 public:
  explicit ColumnSums(std::size_t columns);

  /// Adds a block of float32 values, row-major, `rows` x `sums.sum.size()`, that begins at column
  /// `first_column`; `sums` is what block_sums() (src/block_kernels.h) or a device found. Columns
  /// that hold a value that is not finite are marked.
  void add(std::size_t first_column, std::size_t rows, std::span<const float> values,
           const BlockSums& sums, int significant_bits);

  /// Adds a sum to each column from `first_column` on. Each is exact: a multiple of 2^-149.
  void add_exact(std::size_t first_column, std::span<const double> sums);

  /// The exact mean of each column over `rows` rows, rounded once. A column with a NaN, or with
  /// infinities of both signs, gives NaN (0x7fc00000), one with infinities of one sign that
  /// infinity.
  [[nodiscard]] std::vector<float> means(std::uint64_t rows) const;

  /// The norm of the mean row, in float64; nothing where a value is not finite.
  [[nodiscard]] std::optional<double> norm_of_mean(std::uint64_t rows) const;

 private:
  enum : std::uint8_t { has_nan = 1, has_positive_infinity = 2, has_negative_infinity = 4 };

  std::mutex mutex_;
  std::vector<WideSum> sums_;
  std::vector<std::uint8_t> nonfinite_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_COLUMN_SUMS_H_
