#include "matrix.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>  // IWYU pragma: keep (clang needs it, for sub.h of 1.13)
#include <ATen/ops/from_blob.h>
#include <ATen/ops/sub.h>
#include <c10/core/InferenceMode.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "block_kernels.h"
#include "device_arithmetic.h"
#include "guarded.h"
#include "open_device.h"
#include "scalar_type.h"
#include "version.h"

namespace gamma_extract::matrix {
namespace {

/// A tensor over memory of ours, which outlives it.
at::Tensor view(const void* data, std::size_t rows, std::size_t columns, c10::ScalarType type) {
  // from_blob takes no const pointer; tensors made from one are only read here.
  return at::from_blob(const_cast<void*>(data),
                       {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)},
                       c10::TensorOptions().dtype(type));
}

at::Tensor view(std::span<const float> values, const StoredBlock& block) {
  return view(values.data(), block.rows, block.columns, c10::ScalarType::Float);
}

/// Sums the squares of the rows and, since a NaN shows in them, makes the block's NaN canonical.
void measure(std::span<float> values, std::size_t columns, std::span<double> squares) {
  row_squares(values, columns, squares);
  if (std::ranges::any_of(squares, [](double sum) { return std::isnan(sum); })) {
    canonicalize_nan(values);
  }
}

class CpuArithmetic final : public Arithmetic {
 public:
  CpuArithmetic() {
    // The program has threads of its own, each with an Arithmetic; ATen's would only get in their
    // way. Its set_num_threads would start a pool to say so, and abort where there is no /proc; the
    // first question settles ATen's own idea of the number, which is then overruled for this
    // thread.
    at::get_num_threads();
    omp_set_num_threads(1);
  }

  Status start(const StoredBlock& block, std::span<const float> mu,
               Products& products) noexcept override {
    return guarded(message_, [&] {
      const c10::InferenceMode no_gradients;
      const at::Tensor gamma = view(products.gamma, block);
      at::Tensor centered = view(products.centered, block);
      gamma.copy_(view(block.bytes.data(), block.rows, block.columns, scalar_type(block.dtype)));
      at::sub_out(centered, gamma, view(mu.data(), 1, mu.size(), c10::kFloat));

      measure(products.gamma, block.columns, products.gamma_squares);
      measure(products.centered, block.columns, products.centered_squares);
      block_sums(products.centered, block.columns, products.centered_sums);
    });
  }

  Status finish() noexcept override { return Status::ok; }

  [[nodiscard]] const char* message() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

std::unique_ptr<Arithmetic> make_arithmetic(const Device& device) noexcept {
  if (device.kind == Device::Kind::cuda) return make_device_arithmetic(device);
  try {
    return std::make_unique<CpuArithmetic>();
  } catch (...) {
    return nullptr;
  }
}

}  // namespace
}  // namespace gamma_extract::matrix

const gamma_extract::matrix::Module* gamma_extract_matrix() noexcept {
  static constexpr gamma_extract::matrix::Module module{
      .version = gamma_extract::version,
      .libtorch = gamma_extract::libtorch_version,
      .open_device = gamma_extract::matrix::open_device,
      .make_arithmetic = gamma_extract::matrix::make_arithmetic,
  };
  return &module;
}
