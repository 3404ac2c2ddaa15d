#include "second_pass.h"

#include <cmath>
#include <memory>

#include "gamma_extract/column_sums.h"
#include "gamma_extract/error.h"
#include "gamma_extract/hash.h"
#include "workers.h"

namespace gamma_extract {
namespace {

constexpr std::uint32_t infinity_bits = 0x7f800000;

/// Hashes a file's data on its way to the sink. For one thread.
class HashedSink {
 public:
  HashedSink(const Sink& sink, std::atomic<std::uint64_t>& done) : sink_(sink), done_(done) {}

  void write(std::span<const std::byte> bytes) {
    hash_.update(bytes);
    if (sink_) sink_(offset_, bytes);
    offset_ += bytes.size();
    done_ += bytes.size();
  }
  [[nodiscard]] std::string hex() const { return hash_.hex(); }

 private:
  const Sink& sink_;
  std::atomic<std::uint64_t>& done_;
  Xxh3Stream hash_;
  std::uint64_t offset_ = 0;
};

/// Throws if a difference is not finite though both of its terms are.
void require_no_overflow(const MatrixSource& source, const BlockPlace& place,
                         std::span<const float> gamma, std::span<const float> mu,
                         std::span<const float> centered, const BlockSums& sums) {
  for (std::size_t column = 0; column < place.columns; ++column) {
    if (sums.largest[column] < infinity_bits || !std::isfinite(mu[column])) continue;
    for (std::size_t row = 0; row < place.rows; ++row) {
      const std::size_t i = row * place.columns + column;
      if (std::isfinite(centered[i]) || !std::isfinite(gamma[i])) continue;
      fail(Fault::value_overflow,
           "{}: tensor \"{}\": gamma - mu at row {}, column {} ({} - {}) is beyond the range of "
           "float32; such a matrix cannot be centered",
           source.shard->path().string(), source.matrix->tensor.name, place.first_row + row,
           place.first_column + column, gamma[i], mu[column]);
    }
  }
}

/// Both halves of pass two: one thread does both, or two do one each.
class Passage {
 public:
  Passage(const MatrixSource& source, const BlockLayout& layout, const matrix::Module& module,
          const FirstPass& first, const SecondPassOptions& options, const Observer& observer)
      : source_(source),
        layout_(layout),
        module_(module),
        first_(first),
        options_(options),
        observer_(observer),
        gamma_(options.gamma, observer.progress.done),
        centered_(options.centered, observer.progress.done),
        residual_(layout.columns()) {
    result_.gamma_squares.resize(layout.rows());
    result_.centered_squares.resize(layout.rows());
  }

  void run(bool want_gamma, bool want_centered, const KeepGoing& keep_going) {
    BlockReader reader(source_, layout_);
    const auto arithmetic = make_arithmetic(module_);
    std::vector<float> gamma(layout_.block_values());
    std::vector<float> centered(want_centered ? layout_.block_values() : 0);
    BlockSums sums;
    for (std::uint64_t i = 0; i < layout_.size() && keep_going(); ++i) {
      observer_.stop.check();
      const BlockPlace place = layout_.block(i);
      const matrix::Block block = reader.block(place);
      require_same(i, block.stored);

      matrix::Products products;
      products.gamma = {gamma.data(), place.values()};
      const std::span mu(first_.mu.data() + place.first_column, place.columns);
      if (want_gamma)
        products.gamma_squares = {&result_.gamma_squares[place.first_row], place.rows};
      if (want_centered) {
        products.centered = {centered.data(), place.values()};
        products.centered_squares = {&result_.centered_squares[place.first_row], place.rows};
        products.centered_sums = &sums;
      }
      require_ok(arithmetic->center(block, mu, products), *arithmetic);
      if (want_gamma) {
        gamma_.write(options_.dtype == OutputDtype::source ? block.stored
                                                           : std::as_bytes(products.gamma));
      }
      if (want_centered) {
        require_no_overflow(source_, place, products.gamma, mu, products.centered, sums);
        residual_.add(place.first_column, place.rows, products.centered, sums, float_digits);
        centered_.write(std::as_bytes(products.centered));
      }
    }
  }

  SecondPass finish() {
    result_.gamma_xxh3 = gamma_.hex();
    result_.centered_xxh3 = centered_.hex();
    result_.residual_norm = residual_.norm_of_mean(layout_.rows());
    return std::move(result_);
  }

 private:
  static constexpr int float_digits = std::numeric_limits<float>::digits;

  void require_same(std::uint64_t index, std::span<const std::byte> stored) const {
    if (xxh3_64(stored) == first_.checksums[index]) return;
    fail(Fault::file_changed,
         "{}: it was changed while it was read (row {} differs from a moment ago); "
         "run again when nothing writes to it",
         source_.shard->path().string(), layout_.block(index).first_row);
  }

  const MatrixSource& source_;
  const BlockLayout& layout_;
  const matrix::Module& module_;
  const FirstPass& first_;
  const SecondPassOptions& options_;
  const Observer& observer_;
  HashedSink gamma_;
  HashedSink centered_;
  ColumnSums residual_;
  SecondPass result_;
};

}  // namespace

SecondPass second_pass(const MatrixSource& source, const BlockLayout& layout,
                       const matrix::Module& module, const FirstPass& first,
                       const SecondPassOptions& options, const Observer& observer) {
  Passage passage(source, layout, module, first, options, observer);
  if (options.threads == 1) {
    run_workers(1, [&](const KeepGoing& keep_going) { passage.run(true, true, keep_going); });
  } else {
    // A thread a file: two threads that write into one file wait for each other.
    std::atomic<unsigned> next{0};
    run_workers(2, [&](const KeepGoing& keep_going) {
      for (unsigned file = next++; file < 2; file = next++) {
        passage.run(file == 0, file == 1, keep_going);
      }
    });
  }
  return passage.finish();
}

}  // namespace gamma_extract
