#ifndef GAMMA_EXTRACT_COLUMN_PASS_H_
#define GAMMA_EXTRACT_COLUMN_PASS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "block_layout.h"
#include "block_reader.h"
#include "gamma_extract/column_sums.h"
#include "gamma_extract/observer.h"
#include "workers.h"

/// One reading of a matrix, on all threads, which sums its columns exactly and, while a block is in
/// the cache, shows it to whoever has more to do with it.
///
/// What is wrong with a value is found here and judged by the caller.
namespace gamma_extract {

/// A block that was read and summed.
struct SummedBlock {
  std::uint64_t index = 0;
  BlockPlace place;
  StoredBlock stored;
  std::span<const float> values;  ///< the stored ones as float32
  const BlockSums& sums;
};

/// What else is done with each block. Called from one thread; in it, a turn may be waited for.
using BlockVisitor = std::function<void(const SummedBlock& block, const KeepGoing& keep_going)>;

struct ColumnPassOptions {
  unsigned threads = 1;
  /// Called once in each thread. May be empty.
  std::function<BlockVisitor()> make_visitor;
};

struct ColumnPass {
  std::vector<float> mu;        ///< the exact mean of each column, rounded once
  std::uint64_t nonfinite = 0;  ///< values that are stored as NaN or infinite
  std::optional<ValuePlace> first_nonfinite;
  /// The first value that is finite as it is stored, and not as float32.
  std::optional<ValuePlace> first_overflow;
};

/// Throws what Source and the visitors throw, or Stopped. Adds the bytes of `source` to the
/// progress.
ColumnPass column_pass(const MatrixSource& source, const BlockLayout& layout,
                       const ColumnPassOptions& options, const Observer& observer);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_COLUMN_PASS_H_
