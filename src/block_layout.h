#ifndef GAMMA_EXTRACT_BLOCK_LAYOUT_H_
#define GAMMA_EXTRACT_BLOCK_LAYOUT_H_

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>

/// How a matrix is cut into blocks.
///
/// A block is what a thread holds at a time: some whole rows or, of rows that are too long, a piece
/// of one. Its size is bounded, so that memory is; it depends on the shape alone, so that every
/// result which is rounded block by block does too; and in order, blocks follow each other in the
/// file without a gap.
namespace gamma_extract {

/// A value's row and column, in the order in which values are stored.
struct ValuePlace {
  std::uint64_t row = 0;
  std::uint64_t column = 0;
  auto operator<=>(const ValuePlace&) const = default;
};

/// One block: `rows` x `columns` values from (`first_row`, `first_column`).
struct BlockPlace {
  std::uint64_t first_row = 0;
  std::uint64_t first_column = 0;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::uint64_t first_value = 0;  ///< values before it in the matrix

  [[nodiscard]] std::size_t values() const noexcept { return rows * columns; }

  /// Where the value `index` of the block is in the matrix.
  [[nodiscard]] ValuePlace value(std::size_t index) const noexcept {
    return {.row = first_row + index / columns, .column = first_column + index % columns};
  }
};

class BlockLayout {
 public:
  /// 1 MiB of float32. Threads that write smaller blocks into the same two files wait for each
  /// other more often; larger ones leave the processor's caches before they are written
  /// (docs/performance.md has figures).
  static constexpr std::uint64_t max_values = std::uint64_t{1} << 18U;
  /// Keeps a block's column sums exact in float64 over a wide range of exponents.
  static constexpr std::uint64_t max_rows = 1024;
  /// Rows of more values are cut. A thread keeps sums of a block's columns, which take several
  /// times a value's room; so it has some 1.5 MB even where rows are endless, and 64 threads stay
  /// below ten bytes a column of a row of ten million. No model's hidden size is near it.
  static constexpr std::uint64_t max_columns = std::uint64_t{1} << 15U;

  /// Of a matrix whose number of values fits 64 bits, and which is not empty.
  BlockLayout(std::uint64_t rows, std::uint64_t columns)
      : rows_(rows),
        columns_(columns),
        block_rows_(columns > max_columns
                        ? 1
                        : std::clamp<std::uint64_t>(max_values / columns, 1, max_rows)),
        block_columns_(std::min(columns, max_columns)),
        pieces_((columns - 1) / block_columns_ + 1) {}

  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::uint64_t columns() const noexcept { return columns_; }

  /// Number of blocks.
  [[nodiscard]] std::uint64_t size() const noexcept {
    return ((rows_ - 1) / block_rows_ + 1) * pieces_;
  }
  /// As many of so many threads as there are blocks for.
  [[nodiscard]] unsigned threads(unsigned most) const noexcept {
    return static_cast<unsigned>(std::min<std::uint64_t>(most, size()));
  }
  /// Rows, and values, of the largest block.
  [[nodiscard]] std::size_t block_rows() const noexcept { return block_rows_; }
  [[nodiscard]] std::size_t block_values() const noexcept { return block_rows_ * block_columns_; }

  [[nodiscard]] BlockPlace block(std::uint64_t index) const noexcept {
    BlockPlace place;
    place.first_row = index / pieces_ * block_rows_;
    place.first_column = index % pieces_ * block_columns_;
    place.rows = std::min(block_rows_, rows_ - place.first_row);
    place.columns = std::min(block_columns_, columns_ - place.first_column);
    place.first_value = place.first_row * columns_ + place.first_column;
    return place;
  }

 private:
  std::uint64_t rows_;
  std::uint64_t columns_;
  std::uint64_t block_rows_;
  std::uint64_t block_columns_;
  std::uint64_t pieces_;  // blocks to a row
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_BLOCK_LAYOUT_H_
