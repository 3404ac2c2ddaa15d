#include "second_pass.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "gamma_extract/column_sums.h"
#include "gamma_extract/error.h"
#include "gamma_extract/hash.h"
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

/// A thread's buffers.
struct Workspace {
  Workspace(const MatrixSource& source, const BlockLayout& layout, const matrix::Module& module)
      : reader(source, layout),
        arithmetic(make_arithmetic(module)),
        gamma(layout.block_values()),
        centered(layout.block_values()),
        gamma_squares(layout.block_rows()),
        centered_squares(layout.block_rows()) {}

  /// The products of a block, with room in the buffers; the sums keep their memory.
  matrix::Products& products_for(const BlockPlace& place) {
    products.gamma = {gamma.data(), place.values()};
    products.centered = {centered.data(), place.values()};
    products.gamma_squares = {gamma_squares.data(), place.rows};
    products.centered_squares = {centered_squares.data(), place.rows};
    return products;
  }

  BlockReader reader;
  std::unique_ptr<matrix::Arithmetic> arithmetic;
  std::vector<float> gamma;
  std::vector<float> centered;
  std::vector<double> gamma_squares;
  std::vector<double> centered_squares;
  matrix::Products products;
};

/// What the threads share. Each takes the next block, computes, has its turn for what depends on
/// the order (hashes, and sums that round), and writes.
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
        residual_(layout.columns()) {
    result_.gamma_squares.resize(layout.rows());
    result_.centered_squares.resize(layout.rows());
  }

  void run(const KeepGoing& keep_going) {
    Workspace workspace(source_, layout_, module_);
    for (std::uint64_t i = next_++; i < layout_.size(); i = next_++) {
      observer_.stop.check();
      const BlockPlace place = layout_.block(i);
      const StoredBlock block = workspace.reader.block(place);
      require_same(i, block.bytes);
      const matrix::Products& products = compute(workspace, place, block);
      const auto gamma =
          options_.dtype == OutputDtype::source ? block.bytes : std::as_bytes(products.gamma);
      const auto centered = std::as_bytes(products.centered);
      const bool had_turn = turns_.take(i, keep_going, [&] {
        gamma_hash_.update(gamma);
        centered_hash_.update(centered);
        add_squares(place, products);
      });
      if (!had_turn) return;
      write(i, place, gamma, centered);
    }
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
         "{}: it was changed while it was read (row {} differs from a moment ago); "
         "run again when nothing writes to it",
         source_.shard->path().string(), layout_.block(index).first_row);
  }

  matrix::Products& compute(Workspace& workspace, const BlockPlace& place,
                            const StoredBlock& block) {
    const std::span mu(first_.mu.data() + place.first_column, place.columns);
    matrix::Products& products = workspace.products_for(place);
    require_ok(workspace.arithmetic->center(block, mu, products), *workspace.arithmetic);
    require_no_overflow(source_, place, mu, products);
    residual_.add(place.first_column, place.rows, products.centered, products.centered_sums,
                  float_digits);
    return products;
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
  const matrix::Module& module_;
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
                       const matrix::Module& module, const FirstPass& first,
                       const SecondPassOptions& options, const Observer& observer) {
  Passage passage(source, layout, module, first, options, observer);
  run_workers(options.threads, [&](const KeepGoing& keep_going) { passage.run(keep_going); });
  return passage.finish();
}

}  // namespace gamma_extract
