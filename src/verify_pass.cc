#include "verify_pass.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>

#include "block_kernels.h"
#include "gamma_extract/hash.h"
#include "turns.h"

namespace gamma_extract {
namespace {

std::span<const float> as_floats(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

/// As the program writes it: every NaN is the canonical one.
float difference(float value, float mu) {
  const float centered = value - mu;
  return std::isnan(centered) ? std::numeric_limits<float>::quiet_NaN() : centered;
}

/// Looks at each value of a block, which is known to hold something else than finite differences.
Differences find_differences(const SummedBlock& block, std::span<const float> mu,
                             std::span<const float> centered) {
  Differences found;
  for (std::size_t i = 0; i < block.values.size(); ++i) {
    const float center = mu[i % block.place.columns];
    const float expected = difference(block.values[i], center);
    if (std::isinf(expected) && std::isfinite(block.values[i]) && std::isfinite(center) &&
        !found.first_overflow) {
      found.first_overflow = block.place.value(i);
    }
    if (std::bit_cast<std::uint32_t>(expected) == std::bit_cast<std::uint32_t>(centered[i])) {
      continue;
    }
    ++found.count;
    if (!found.first)
      found.first = {.place = block.place.value(i), .expected = expected, .found = centered[i]};
  }
  return found;
}

/// What the threads share.
class Passage {
 public:
  explicit Passage(const std::optional<CenteredSource>& centered) : centered_(centered) {}

  BlockVisitor make_visitor(const BlockLayout& layout, const Observer& observer) {
    std::shared_ptr<BlockReader> reader;
    if (centered_) reader = std::make_shared<BlockReader>(centered_->matrix, layout);
    return [this, reader, &observer](const SummedBlock& block, const KeepGoing& keep_going) {
      std::span<const std::byte> centered;
      if (reader && centered_) {
        centered = reader->read(block.place);
        observer.progress.done += centered.size();
        compare(block, centered_->mu, as_floats(centered));
      }
      see_magnitude(block.sums);
      turns_.take(block.index, keep_going, [&] {
        gamma_hash_.update(block.stored.bytes);
        centered_hash_.update(centered);
      });
    };
  }

  VerifyPass finish(ColumnPass columns) {
    VerifyPass result;
    result.gamma_xxh3 = gamma_hash_.hex();
    if (centered_) result.centered_xxh3 = centered_hash_.hex();
    result.columns = std::move(columns);
    result.largest = std::bit_cast<float>(largest_);
    result.differences = differences_;
    return result;
  }

 private:
  void compare(const SummedBlock& block, std::span<const float> all_mu,
               std::span<const float> centered) {
    const auto mu = all_mu.subspan(block.place.first_column, block.place.columns);
    if (is_finite_difference(block.values, mu, centered)) return;
    const Differences found = find_differences(block, mu, centered);
    const std::lock_guard lock(mutex_);
    differences_.count += found.count;
    if (found.first && (!differences_.first || found.first->place < differences_.first->place)) {
      differences_.first = found.first;
    }
    if (found.first_overflow) {
      differences_.first_overflow = std::min(
          differences_.first_overflow.value_or(*found.first_overflow), *found.first_overflow);
    }
  }

  void see_magnitude(const BlockSums& sums) {
    std::uint32_t largest = 0;
    for (const std::uint32_t of_column : sums.largest) {
      if (of_column < infinity_bits) largest = std::max(largest, of_column);
    }
    const std::lock_guard lock(mutex_);
    largest_ = std::max(largest_, largest);
  }

  const std::optional<CenteredSource>& centered_;
  Turns turns_;
  Xxh3Stream gamma_hash_;
  Xxh3Stream centered_hash_;
  std::mutex mutex_;  // of all below
  Differences differences_;
  std::uint32_t largest_ = 0;  // its bits, which are ordered as magnitudes are
};

}  // namespace

VerifyPass verify_pass(const MatrixSource& gamma, const BlockLayout& layout,
                       const std::optional<CenteredSource>& centered, unsigned threads,
                       const Observer& observer) {
  Passage passage(centered);
  const auto make_visitor = [&] { return passage.make_visitor(layout, observer); };
  return passage.finish(column_pass(
      gamma, layout, {.threads = layout.threads(threads), .make_visitor = make_visitor}, observer));
}

}  // namespace gamma_extract
