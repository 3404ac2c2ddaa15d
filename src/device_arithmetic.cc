#include "device_arithmetic.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>  // IWYU pragma: keep (clang needs it, for sub.h of 1.13)
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/Stream.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "guarded.h"
#include "scalar_type.h"

namespace gamma_extract::matrix {
namespace {

constexpr std::int32_t magnitude_mask = 0x7fffffff;
constexpr std::int32_t quiet_nan = 0x7fc00000;

/// Values of a block that follow each other: some rows or, of one row, some columns.
struct Piece {
  std::int64_t first_value;  ///< values of the block before it
  std::int64_t first_row;
  std::int64_t first_column;
  std::int64_t rows;
  std::int64_t columns;

  [[nodiscard]] std::int64_t values() const noexcept { return rows * columns; }
};

/// The next piece of a block of `rows` x `columns`, of at most `most` values. `most` may shrink
/// from piece to piece: what has begun within a row goes on so.
Piece piece_at(std::int64_t first_value, std::int64_t rows, std::int64_t columns,
               std::int64_t most) {
  Piece piece{.first_value = first_value,
              .first_row = first_value / columns,
              .first_column = first_value % columns,
              .rows = 1,
              .columns = columns};
  if (columns > most) {
    piece.columns = std::min(most, columns - piece.first_column);
  } else {
    piece.rows = std::min(most / columns, rows - piece.first_row);
  }
  return piece;
}

/// What a block adds up to, a value a row or column. A piece takes its part in once all of it is
/// computed, so that one for which there was no memory leaves no trace.
struct Totals {
  at::Tensor gamma_squares;
  at::Tensor centered_squares;
  at::Tensor sums;
  at::Tensor smallest;  ///< of the nonzero magnitudes, less one; of none, the largest number
  at::Tensor largest;
};

/// The sum of the squares of each row, in float64.
at::Tensor squares_of(const at::Tensor& values) {
  const at::Tensor wide = values.to(at::kDouble);
  wide.mul_(wide);
  return wide.sum(1);
}

/// The stream of libtorch's pool that is next; of a device without streams the one that it has.
c10::Stream stream_of(c10::Device device) {
  const c10::impl::VirtualGuardImpl devices(device.type());
  return device.is_cpu() ? devices.getStream(device) : devices.getStreamFromGlobalPool(device);
}

class DeviceArithmetic final : public Arithmetic {
 public:
  explicit DeviceArithmetic(c10::Device device) : device_(device) {}

  DeviceArithmetic(const DeviceArithmetic&) = delete;
  DeviceArithmetic(DeviceArithmetic&&) = delete;
  DeviceArithmetic& operator=(const DeviceArithmetic&) = delete;
  DeviceArithmetic& operator=(DeviceArithmetic&&) = delete;

  /// Where a run ends early, the device may still be writing into the pinned memory.
  ~DeviceArithmetic() override {
    guarded(message_, [this] {
      if (stream_) stream_->synchronize();
    });
  }

  Status start(const StoredBlock& block, std::span<const float> mu,
               Products& products) noexcept override {
    return guarded(message_, [&] {
      const c10::InferenceMode no_gradients;
      if (!stream_) stream_ = stream_of(device_);
      const c10::StreamGuard on_stream(*stream_);
      rows_ = static_cast<std::int64_t>(block.rows);
      columns_ = static_cast<std::int64_t>(block.columns);
      products_ = &products;
      take_in(block, mu);
      begin_totals();
      center_pieces();
      fetch_totals();
    });
  }

  Status finish() noexcept override {
    return guarded(message_, [this] {
      stream_.value().synchronize();
      hand_out(*products_);
    });
  }

  [[nodiscard]] const char* message() const noexcept override { return message_.c_str(); }

 private:
  [[nodiscard]] c10::TensorOptions on_device(c10::ScalarType type) const {
    return c10::TensorOptions().device(device_).dtype(type);
  }

  /// Memory of this machine that the device reads and writes by itself, kept from block to block.
  at::Tensor reserve(at::Tensor& buffer, std::int64_t count, c10::ScalarType type) const {
    if (!buffer.defined() || buffer.scalar_type() != type || buffer.numel() < count) {
      buffer =
          at::empty({count}, c10::TensorOptions().dtype(type).pinned_memory(device_.is_cuda()));
    }
    return buffer.narrow(0, 0, count);
  }

  void take_in(const StoredBlock& block, std::span<const float> mu) {
    const at::Tensor stored = reserve(stored_, rows_ * columns_, scalar_type(block.dtype));
    std::memcpy(stored.data_ptr(), block.bytes.data(), block.bytes.size());
    const at::Tensor staged_mu =
        reserve(host_mu_, static_cast<std::int64_t>(mu.size()), at::kFloat);
    std::memcpy(staged_mu.data_ptr(), mu.data(), mu.size_bytes());
    mu_ = staged_mu.to(device_, /*non_blocking=*/true);
    reserve(host_gamma_, rows_ * columns_, at::kFloat);
    reserve(host_centered_, rows_ * columns_, at::kFloat);
  }

  void begin_totals() {
    totals_ = {.gamma_squares = at::zeros({rows_}, on_device(at::kDouble)),
               .centered_squares = at::zeros({rows_}, on_device(at::kDouble)),
               .sums = at::zeros({columns_}, on_device(at::kDouble)),
               .smallest = at::full({columns_}, magnitude_mask, on_device(at::kInt)),
               .largest = at::zeros({columns_}, on_device(at::kInt))};
  }

  void center_pieces() {
    for (std::int64_t next = 0; next < rows_ * columns_;) {
      const Piece piece = piece_at(next, rows_, columns_, most_values_);
      try {
        center(piece);
        next += piece.values();
      } catch (const std::exception& exception) {
        if (!is_out_of_memory(exception) || piece.values() <= std::int64_t{smallest_piece}) throw;
        most_values_ = std::max<std::int64_t>(piece.values() / 2, smallest_piece);
      }
    }
  }

  void center(const Piece& piece) {
    const at::Tensor stored =
        stored_.narrow(0, piece.first_value, piece.values()).to(device_, /*non_blocking=*/true);
    const at::Tensor values = at::empty({2, piece.rows, piece.columns}, on_device(at::kFloat));
    const at::Tensor gamma = values.select(0, 0);
    at::Tensor centered = values.select(0, 1);
    gamma.copy_(stored.view({piece.rows, piece.columns}));
    at::sub_out(centered, gamma, mu_.narrow(0, piece.first_column, piece.columns));
    // By its bits, since a device may have a NaN of its own.
    values.view(at::kInt).masked_fill_(values.isnan(), quiet_nan);

    add(piece, {.gamma_squares = squares_of(gamma),
                .centered_squares = squares_of(centered),
                .sums = centered.sum(at::IntArrayRef{0}, /*keepdim=*/false, at::kDouble),
                .smallest = smallest_of(centered),
                .largest = largest_of(centered)});
    fetch(host_gamma_, gamma, piece.first_value);
    fetch(host_centered_, centered, piece.first_value);
  }

  // The bits of floats of one sign are ordered as integers.
  static at::Tensor magnitudes(const at::Tensor& values) {
    return values.view(at::kInt).bitwise_and(magnitude_mask);
  }
  static at::Tensor largest_of(const at::Tensor& values) { return at::amax(magnitudes(values), 0); }
  /// Less one: a zero wraps around to the largest number.
  static at::Tensor smallest_of(const at::Tensor& values) {
    return at::amin(magnitudes(values).sub_(1).bitwise_and_(magnitude_mask), 0);
  }

  void add(const Piece& piece, const Totals& part) const {
    const auto rows = [&](const at::Tensor& total) {
      return total.narrow(0, piece.first_row, piece.rows);
    };
    const auto columns = [&](const at::Tensor& total) {
      return total.narrow(0, piece.first_column, piece.columns);
    };
    rows(totals_.gamma_squares).add_(part.gamma_squares);
    rows(totals_.centered_squares).add_(part.centered_squares);
    columns(totals_.sums).add_(part.sums);
    at::Tensor smallest = columns(totals_.smallest);
    at::minimum_out(smallest, smallest, part.smallest);
    at::Tensor largest = columns(totals_.largest);
    at::maximum_out(largest, largest, part.largest);
  }

  static void fetch(const at::Tensor& host, const at::Tensor& values, std::int64_t first) {
    host.narrow(0, first, values.numel()).copy_(values.view({-1}), /*non_blocking=*/true);
  }

  void fetch_totals() {
    const auto fetch_total = [this](at::Tensor& host, const at::Tensor& total) {
      fetch(reserve(host, total.numel(), total.scalar_type()), total, 0);
    };
    fetch_total(host_totals_.gamma_squares, totals_.gamma_squares);
    fetch_total(host_totals_.centered_squares, totals_.centered_squares);
    fetch_total(host_totals_.sums, totals_.sums);
    fetch_total(host_totals_.smallest, totals_.smallest);
    fetch_total(host_totals_.largest, totals_.largest);
    // What is freed here is used again by this stream alone, so after the copies.
    totals_ = {};
    mu_.reset();
  }

  template <class Value>
  static void copy_out(const at::Tensor& host, std::span<Value> values) {
    std::memcpy(values.data(), host.data_ptr(), values.size_bytes());
  }

  void hand_out(Products& products) const {
    copy_out(host_gamma_, products.gamma);
    copy_out(host_centered_, products.centered);
    copy_out(host_totals_.gamma_squares, products.gamma_squares);
    copy_out(host_totals_.centered_squares, products.centered_squares);
    BlockSums& sums = products.centered_sums;
    sums.resize(static_cast<std::size_t>(columns_));
    copy_out(host_totals_.sums, std::span(sums.sum));
    copy_out(host_totals_.smallest, std::span(sums.smallest));
    copy_out(host_totals_.largest, std::span(sums.largest));
    constexpr auto mask = static_cast<std::uint32_t>(magnitude_mask);
    for (std::uint32_t& smallest : sums.smallest) smallest = (smallest + 1) & mask;
  }

  c10::Device device_;
  std::optional<c10::Stream> stream_;  // from the first block on
  std::string message_;
  std::int64_t most_values_{largest_piece};

  // The block that was started.
  std::int64_t rows_ = 0;
  std::int64_t columns_ = 0;
  Products* products_ = nullptr;
  at::Tensor mu_;
  Totals totals_;

  // On this machine.
  at::Tensor stored_;
  at::Tensor host_mu_;
  at::Tensor host_gamma_;
  at::Tensor host_centered_;
  Totals host_totals_;
};

}  // namespace

std::unique_ptr<Arithmetic> make_device_arithmetic(const Device& device) noexcept {
  try {
    const bool is_cpu = device.kind == Device::Kind::cpu;
    return std::make_unique<DeviceArithmetic>(
        is_cpu ? c10::Device(c10::kCPU)
               : c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(device.index)));
  } catch (...) {
    return nullptr;
  }
}

}  // namespace gamma_extract::matrix
