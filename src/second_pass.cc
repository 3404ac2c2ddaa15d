#include "second_pass.h"

#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "cpu_arithmetic.h"
#include "gamma_extract/column_sums.h"
#include "gamma_extract/error.h"
#include "gamma_extract/hash.h"
#include "matrix_faults.h"
#include "partial_sums.h"
#include "turns.h"
#include "workers.h"

namespace gamma_extract {
namespace {

/// Throws if a difference is not finite though both of its terms are.
void require_no_overflow(const MatrixSource& source, const BlockPlace& place,
                         std::span<const float> mu, const matrix::Products& products) {
  for (std::size_t column = 0; column < place.columns; ++column) {
    const bool finite = products.centered_sums.largest[column] < infinity_bits;
    if (finite || !std::isfinite(mu[column])) continue;
    for (std::size_t row = 0; row < place.rows; ++row) {
      const std::size_t i = row * place.columns + column;
      if (std::isfinite(products.centered[i]) || !std::isfinite(products.gamma[i])) continue;
      fail(Fault::value_overflow,
           "{}: tensor \"{}\": gamma - mu at row {}, column {} ({} - {}) is beyond the range of "
           "float32; such a matrix cannot be centered",
           source.shard->path().string(), source.matrix->tensor.name, place.first_row + row,
           place.first_column + column, products.gamma[i], mu[column]);
    }
  }
}

/// The rows of a block, of which it is not known which one has changed.
std::string rows_text(const BlockPlace& place) {
  if (place.rows == 1) return fmt::format("row {} is", place.first_row);
  return fmt::format("something in rows {} to {} is", place.first_row,
                     place.first_row + place.rows - 1);
}

std::unique_ptr<matrix::Arithmetic> arithmetic_of(const SecondPassOptions& options) {
  if (options.device == Device()) return matrix::make_cpu_arithmetic();
  return make_arithmetic(*options.module, options.device);
}

/// What a thread has in hand: a block, and its buffers.
struct Workspace {
  Workspace(const MatrixSource& source, const BlockLayout& layout, const SecondPassOptions& options)
      : reader(source, layout),
        gamma(layout.block_values()),
        centered(layout.block_values()),
        gamma_squares(layout.block_rows()),
        centered_squares(layout.block_rows()),
        arithmetic(arithmetic_of(options)) {}

  /// Makes room for the products of the block; the sums keep their memory.
  void make_room() {
    products.gamma = {gamma.data(), place.values()};
    products.centered = {centered.data(), place.values()};
    products.gamma_squares = {gamma_squares.data(), place.rows};
    products.centered_squares = {centered_squares.data(), place.rows};
  }

  std::uint64_t index = 0;
  BlockPlace place;
  StoredBlock block;
  BlockReader reader;
  std::vector<float> gamma;
  std::vector<float> centered;
  std::vector<double> gamma_squares;
  std::vector<double> centered_squares;
  matrix::Products products;
  /// The last member, so the first to go: it may be writing into the others.
  std::unique_ptr<matrix::Arithmetic> arithmetic;
};

/// What the threads share. Each takes the next block, computes, writes, and has its turn for what
/// depends on the order (hashes, and sums that round). Whoever has two blocks in hand finishes the
/// one with the smaller index first, so that nobody waits for a turn that cannot come.
class Passage {
 public:
  Passage(const MatrixSource& source, const BlockLayout& layout, const FirstPass& first,
          const SecondPassOptions& options, const Observer& observer)
      : source_(source),
        layout_(layout),
        first_(first),
        options_(options),
        observer_(observer),
        residual_(layout.columns()) {
    result_.gamma_squares.resize(layout.rows());
    result_.centered_squares.resize(layout.rows());
  }

  void run(const KeepGoing& keep_going) {
    std::vector<std::unique_ptr<Workspace>> hands(options_.device == Device() ? 1 : 2);
    for (auto& hand : hands) {
      hand = std::make_unique<Workspace>(source_, layout_, options_);
    }
    PartialSums residual(residual_, float_digits);
    std::size_t started = 0;
    std::size_t finished = 0;
    do {
      while (started - finished < hands.size() && start(*hands[started % hands.size()])) ++started;
      if (finished == started) break;
    } while (finish(*hands[finished++ % hands.size()], residual, keep_going));
    residual.flush();
  }

  SecondPass finish() {
    result_.gamma_xxh3 = gamma_hash_.hex();
    result_.centered_xxh3 = centered_hash_.hex();
    result_.residual_norm = residual_.norm_of_mean(layout_.rows());
    return std::move(result_);
  }

 private:
  static constexpr int float_digits = std::numeric_limits<float>::digits;

  void require_same(std::uint64_t index, std::span<const std::byte> stored) const {
    if (xxh3_64(stored) == first_.checksums[index]) return;
    fail(Fault::file_changed,
         "{}: it was changed while it was read ({} not what it was a moment ago); "
         "run again when nothing writes to it",
         source_.shard->path().string(), rows_text(layout_.block(index)));
  }

  [[nodiscard]] std::span<const float> mu_of(const BlockPlace& place) const {
    return {first_.mu.data() + place.first_column, place.columns};
  }

  /// Reads the next block and starts its arithmetic. Returns false if there is none.
  bool start(Workspace& hand) {
    hand.index = next_++;
    if (hand.index >= layout_.size()) return false;
    observer_.stop.check();
    hand.place = layout_.block(hand.index);
    hand.block = hand.reader.block(hand.place);
    require_same(hand.index, hand.block.bytes);
    hand.make_room();
    require_ok(hand.arithmetic->start(hand.block, mu_of(hand.place), hand.products),
               *hand.arithmetic, options_.device);
    return true;
  }

  /// Awaits the products of the block, and hashes and writes them. Returns false if its turn will
  /// not come.
  bool finish(Workspace& hand, PartialSums& residual, const KeepGoing& keep_going) {
    const matrix::Products& products = hand.products;
    require_ok(hand.arithmetic->finish(), *hand.arithmetic, options_.device);
    require_no_overflow(source_, hand.place, mu_of(hand.place), products);
    residual.add(hand.place.first_column, hand.place.rows, products.centered,
                 products.centered_sums);
    const auto gamma =
        options_.dtype == OutputDtype::source ? hand.block.bytes : std::as_bytes(products.gamma);
    const auto centered = std::as_bytes(products.centered);
    const auto in_order = [&] {
      gamma_hash_.update(gamma);
      centered_hash_.update(centered);
      add_squares(hand.place, products);
    };
    // While the block is in the cache, if its turn can be had; rather than wait, write first.
    const bool had_turn = turns_.take_now(hand.index, in_order);
    write(hand.index, hand.place, gamma, centered);
    return had_turn || turns_.take(hand.index, keep_going, in_order);
  }

  /// A row that is cut gets its squares piece by piece, so in order.
  void add_squares(const BlockPlace& place, const matrix::Products& products) {
    for (std::size_t row = 0; row < place.rows; ++row) {
      result_.gamma_squares[place.first_row + row] += products.gamma_squares[row];
      result_.centered_squares[place.first_row + row] += products.centered_squares[row];
    }
  }

  /// Every other block begins with the other file: two threads that write into one file wait for
  /// each other.
  void write(std::uint64_t index, const BlockPlace& place, std::span<const std::byte> gamma,
             std::span<const std::byte> centered) {
    const std::uint64_t gamma_bytes = options_.dtype == OutputDtype::source
                                          ? safetensors::bits(source_.matrix->tensor.dtype) / 8
                                          : sizeof(float);
    const auto write_gamma = [&] {
      write_to(options_.gamma, place.first_value * gamma_bytes, gamma);
    };
    if (index % 2 == 0) write_gamma();
    write_to(options_.centered, place.first_value * sizeof(float), centered);
    if (index % 2 != 0) write_gamma();
  }

  void write_to(const Sink& sink, std::uint64_t offset, std::span<const std::byte> bytes) {
    if (sink) sink(offset, bytes);
    observer_.progress.done += bytes.size();
  }

  const MatrixSource& source_;
  const BlockLayout& layout_;
  const FirstPass& first_;
  const SecondPassOptions& options_;
  const Observer& observer_;

  std::atomic<std::uint64_t> next_{0};
  Turns turns_;
  Xxh3Stream gamma_hash_;
  Xxh3Stream centered_hash_;
  ColumnSums residual_;
  SecondPass result_;
};

}  // namespace

SecondPass second_pass(const MatrixSource& source, const BlockLayout& layout,
                       const FirstPass& first, const SecondPassOptions& options,
                       const Observer& observer) {
  Passage passage(source, layout, first, options, observer);
  run_workers(options.threads, [&](const KeepGoing& keep_going) { passage.run(keep_going); });
  return passage.finish();
}

}  // namespace gamma_extract
