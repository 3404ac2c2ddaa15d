#include "column_pass.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <mutex>

#include "block_kernels.h"
#include "partial_sums.h"
#include "widen.h"

namespace gamma_extract {
namespace {

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

void keep_first(std::optional<ValuePlace>& first, const std::optional<ValuePlace>& place) {
  if (place && (!first || *place < *first)) first = place;
}

/// What the threads find together.
class Findings {
 public:
  explicit Findings(std::uint64_t columns) : sums(columns) {}

  ColumnSums sums;

  /// Looks at each value of a block that holds some which are not finite.
  void add_nonfinite(const BlockPlace& place, const StoredBlock& block,
                     std::span<const float> values) {
    std::uint64_t nonfinite = 0;
    std::optional<ValuePlace> first_nonfinite;
    std::optional<ValuePlace> first_overflow;
    for (std::size_t i = 0; i < place.values(); ++i) {
      if (std::isfinite(values[i])) continue;
      if (is_overflow(block, i)) {
        if (!first_overflow) first_overflow = place.value(i);
      } else {
        ++nonfinite;
        if (!first_nonfinite) first_nonfinite = place.value(i);
      }
    }
    const std::lock_guard lock(mutex_);
    found_.nonfinite += nonfinite;
    keep_first(found_.first_nonfinite, first_nonfinite);
    keep_first(found_.first_overflow, first_overflow);
  }

  ColumnPass finish(std::uint64_t rows) {
    found_.mu = sums.means(rows);
    return std::move(found_);
  }

 private:
  std::mutex mutex_;
  ColumnPass found_;
};

}  // namespace

ColumnPass column_pass(const MatrixSource& source, const BlockLayout& layout,
                       const ColumnPassOptions& options, const Observer& observer) {
  Findings findings(layout.columns());
  std::atomic<std::uint64_t> next{0};

  run_workers(options.threads, [&](const KeepGoing& keep_going) {
    BlockReader reader(source, layout);
    const BlockVisitor visit = options.make_visitor ? options.make_visitor() : BlockVisitor();
    std::vector<float> values(layout.block_values());
    BlockSums sums;
    PartialSums partial(findings.sums, significant_bits(source.matrix->tensor.dtype));

    for (std::uint64_t i = next++; i < layout.size() && keep_going(); i = next++) {
      observer.stop.check();
      const BlockPlace place = layout.block(i);
      const StoredBlock block = reader.block(place);
      const auto widened = as_float32(block, {values.data(), place.values()});
      block_sums(widened, place.columns, sums);
      if (any_nonfinite(sums)) findings.add_nonfinite(place, block, widened);
      partial.add(place.first_column, place.rows, widened, sums);
      observer.progress.done += block.bytes.size();
      if (visit) {
        visit({.index = i, .place = place, .stored = block, .values = widened, .sums = sums},
              keep_going);
      }
    }
    partial.flush();
  });
  return findings.finish(layout.rows());
}

}  // namespace gamma_extract
