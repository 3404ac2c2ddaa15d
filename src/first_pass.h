#ifndef GAMMA_EXTRACT_FIRST_PASS_H_
#define GAMMA_EXTRACT_FIRST_PASS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "block_layout.h"
#include "block_reader.h"
#include "gamma_extract/observer.h"
#include "gamma_extract/source.h"
#include "gamma_extract/unembedding.h"

/// Pass one: read every stored row once, and find the centroid.
namespace gamma_extract {

struct FirstPass {
  std::vector<float> mu;                 ///< a value a column
  std::vector<std::uint64_t> checksums;  ///< of each block's stored bytes: XXH3-64
  std::uint64_t nonfinite = 0;           ///< values that are NaN or infinite
  /// Where `compare_with` was given and differs: the first row that does.
  std::optional<std::uint64_t> first_different_row;
};

struct FirstPassOptions {
  unsigned threads = 1;
  bool allow_nonfinite = false;
  /// A matrix of the same shape and element type, compared byte for byte.
  std::optional<MatrixSource> compare_with;
};

/// Sums all columns, exactly. Throws value_nonfinite, naming the first row and
/// the count, value_overflow, naming the place, what Source throws, or Stopped.
FirstPass first_pass(const MatrixSource& source, const BlockLayout& layout,
                     const FirstPassOptions& options, const Observer& observer);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_FIRST_PASS_H_
