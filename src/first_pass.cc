#include "first_pass.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "column_pass.h"
#include "gamma_extract/error.h"
#include "gamma_extract/hash.h"

namespace gamma_extract {
namespace {

/// The first row of the block whose bytes differ, if any.
std::optional<std::uint64_t> different_row(const BlockPlace& place, std::span<const std::byte> left,
                                           std::span<const std::byte> right) {
  if (std::memcmp(left.data(), right.data(), left.size()) == 0) return std::nullopt;
  const auto difference = std::ranges::mismatch(left, right);
  const auto byte = static_cast<std::size_t>(difference.in1 - left.begin());
  return place.first_row + byte / (left.size() / place.rows);
}

/// The first row that differs, of those that the threads find.
class FirstDifference {
 public:
  void add(std::uint64_t row) {
    const std::lock_guard lock(mutex_);
    row_ = std::min(row_.value_or(row), row);
  }
  [[nodiscard]] std::optional<std::uint64_t> row() const { return row_; }

 private:
  std::mutex mutex_;
  std::optional<std::uint64_t> row_;
};

void require_finite(const MatrixSource& source, const ColumnPass& found, bool allow_nonfinite) {
  const auto& tensor = source.matrix->tensor;
  if (found.first_overflow) {
    fail(Fault::value_overflow,
         "{}: tensor \"{}\": the value at row {}, column {} is finite as {} but beyond the range "
         "of float32; such a matrix cannot be taken",
         source.shard->path().string(), tensor.name, found.first_overflow->row,
         found.first_overflow->column, safetensors::name(tensor.dtype));
  }
  if (found.first_nonfinite && !allow_nonfinite) {
    fail(Fault::value_nonfinite,
         "{}: tensor \"{}\": {} {} NaN or infinite, the first in row {}; "
         "use --allow-nonfinite to take the matrix all the same",
         source.shard->path().string(), tensor.name, found.nonfinite,
         found.nonfinite == 1 ? "value is" : "values are", found.first_nonfinite->row);
  }
}

}  // namespace

FirstPass first_pass(const MatrixSource& source, const BlockLayout& layout,
                     const FirstPassOptions& options, const Observer& observer) {
  FirstPass result;
  result.checksums.resize(layout.size());
  FirstDifference difference;
  const auto make_visitor = [&]() -> BlockVisitor {
    std::shared_ptr<BlockReader> other;
    if (options.compare_with) other = std::make_shared<BlockReader>(*options.compare_with, layout);
    return [&, other](const SummedBlock& block, const KeepGoing&) {
      result.checksums[block.index] = xxh3_64(block.stored.bytes);
      if (!other) return;
      const auto row = different_row(block.place, block.stored.bytes, other->read(block.place));
      if (row) difference.add(*row);
    };
  };

  ColumnPass found = column_pass(
      source, layout, {.threads = options.threads, .make_visitor = make_visitor}, observer);
  require_finite(source, found, options.allow_nonfinite);
  result.mu = std::move(found.mu);
  result.nonfinite = found.nonfinite;
  result.first_different_row = difference.row();
  return result;
}

}  // namespace gamma_extract
