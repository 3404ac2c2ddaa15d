#ifndef GAMMA_EXTRACT_VERIFY_PASS_H_
#define GAMMA_EXTRACT_VERIFY_PASS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "block_layout.h"
#include "block_reader.h"
#include "column_pass.h"
#include "gamma_extract/observer.h"

/// The one reading of a set: hashes, the exact mean, and the difference.
namespace gamma_extract {

/// gamma_centered, and the mu that it was made with. The caller owns all of it.
struct CenteredSource {
  MatrixSource matrix;        ///< F32, of gamma's shape
  std::span<const float> mu;  ///< a value a column
};

/// Where gamma_centered is not gamma - mu.
struct Differences {
  std::uint64_t count = 0;
  struct First {
    ValuePlace place;
    float expected = 0;
    float found = 0;
  };
  std::optional<First> first;
  /// The first place where gamma - mu of finite values is beyond the range of float32.
  std::optional<ValuePlace> first_overflow;
};

struct VerifyPass {
  std::string gamma_xxh3;     ///< of gamma's data, as it is stored
  std::string centered_xxh3;  ///< of gamma_centered's, if that was given
  ColumnPass columns;
  float largest = 0;  ///< the largest magnitude in gamma's finite columns, block by block
  Differences differences;
};

/// Reads gamma and, if given, gamma_centered beside it. Throws what Source throws, or Stopped.
VerifyPass verify_pass(const MatrixSource& gamma, const BlockLayout& layout,
                       const std::optional<CenteredSource>& centered, unsigned threads,
                       const Observer& observer);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_VERIFY_PASS_H_
