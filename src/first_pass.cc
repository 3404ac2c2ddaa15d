#include "first_pass.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <span>
#include <utility>

#include "block_kernels.h"
#include "gamma_extract/column_sums.h"
#include "gamma_extract/error.h"
#include "gamma_extract/hash.h"
#include "stored_block.h"
#include "widen.h"
#include "workers.h"

namespace gamma_extract {
namespace {

/// A value's row and column, in the order in which they are stored.
using Place = std::pair<std::uint64_t, std::uint64_t>;
constexpr Place nowhere{std::numeric_limits<std::uint64_t>::max(), 0};

bool any_nonfinite(const BlockSums& sums) {
  return std::ranges::any_of(sums.largest,
                             [](std::uint32_t bits) { return bits >= infinity_bits; });
}

/// Whether the stored value is finite though it is not as float32: only a float64 can be.
bool is_overflow(const StoredBlock& block, std::size_t index) {
  if (block.dtype != safetensors::Dtype::F64) return false;
  double stored = 0;
  std::memcpy(&stored, block.bytes.data() + index * sizeof stored, sizeof stored);
  return std::isfinite(stored);
}

/// What the threads find together.
class Findings {
 public:
  explicit Findings(std::uint64_t columns) : sums(columns) {}

  ColumnSums sums;

  /// Looks at each value of a block that holds some which are not finite.
  void add_nonfinite(const BlockPlace& place, const StoredBlock& block,
                     std::span<const float> values) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < place.values(); ++i) {
      if (std::isfinite(values[i])) continue;
      const Place here{place.first_row + i / place.columns, place.first_column + i % place.columns};
      if (is_overflow(block, i)) {
        overflow_ = std::min(overflow_, here);
      } else {
        ++nonfinite_;
        first_nonfinite_ = std::min(first_nonfinite_, here);
      }
    }
  }

  void add_difference(std::uint64_t row) {
    const std::lock_guard lock(mutex_);
    first_different_row_ = std::min(first_different_row_.value_or(row), row);
  }

  /// Moves what was found into `result`, or throws.
  void finish(const MatrixSource& source, bool allow_nonfinite, FirstPass& result) const {
    const auto& tensor = source.matrix->tensor;
    if (overflow_ != nowhere) {
      fail(Fault::value_overflow,
           "{}: tensor \"{}\": the value at row {}, column {} is finite as {} but beyond the range "
           "of float32; such a matrix cannot be taken",
           source.shard->path().string(), tensor.name, overflow_.first, overflow_.second,
           safetensors::name(tensor.dtype));
    }
    if (nonfinite_ != 0 && !allow_nonfinite) {
      fail(Fault::value_nonfinite,
           "{}: tensor \"{}\": {} {} NaN or infinite, the first in row {}; "
           "use --allow-nonfinite to take the matrix all the same",
           source.shard->path().string(), tensor.name, nonfinite_,
           nonfinite_ == 1 ? "value is" : "values are", first_nonfinite_.first);
    }
    result.nonfinite = nonfinite_;
    result.first_different_row = first_different_row_;
    result.mu = sums.means(source.matrix->rows());
  }

 private:
  std::mutex mutex_;
  Place overflow_ = nowhere;
  Place first_nonfinite_ = nowhere;
  std::uint64_t nonfinite_ = 0;
  std::optional<std::uint64_t> first_different_row_;
};

/// The first row of the block whose bytes differ, if any.
std::optional<std::uint64_t> different_row(const BlockPlace& place, std::span<const std::byte> left,
                                           std::span<const std::byte> right) {
  const auto difference = std::ranges::mismatch(left, right);
  if (difference.in1 == left.end()) return std::nullopt;
  const auto byte = static_cast<std::size_t>(difference.in1 - left.begin());
  return place.first_row + byte / (left.size() / place.rows);
}

}  // namespace

FirstPass first_pass(const MatrixSource& source, const BlockLayout& layout,
                     const FirstPassOptions& options, const Observer& observer) {
  FirstPass result;
  result.checksums.resize(layout.size());
  Findings findings(layout.columns());
  std::atomic<std::uint64_t> next{0};

  run_workers(options.threads, [&](const KeepGoing& keep_going) {
    BlockReader reader(source, layout);
    std::optional<BlockReader> other;
    if (options.compare_with) other.emplace(*options.compare_with, layout);
    std::vector<float> values(layout.block_values());
    BlockSums sums;

    for (std::uint64_t i = next++; i < layout.size() && keep_going(); i = next++) {
      observer.stop.check();
      const BlockPlace place = layout.block(i);
      const StoredBlock block = reader.block(place);
      result.checksums[i] = xxh3_64(block.bytes);
      if (other) {
        const auto row = different_row(place, block.bytes, other->read(place));
        if (row) findings.add_difference(*row);
      }
      const std::span<float> widened(values.data(), place.values());
      widen(block, widened);
      block_sums(widened, place.columns, sums);
      if (any_nonfinite(sums)) findings.add_nonfinite(place, block, widened);
      findings.sums.add(place.first_column, place.rows, widened, sums,
                        significant_bits(block.dtype));
      observer.progress.done += block.bytes.size();
    }
  });

  findings.finish(source, options.allow_nonfinite, result);
  return result;
}

}  // namespace gamma_extract
