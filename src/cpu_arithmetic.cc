#include "cpu_arithmetic.h"

#include <algorithm>
#include <cmath>
#include <new>

#include "block_kernels.h"
#include "widen.h"

namespace gamma_extract::matrix {
namespace {

/// A NaN shows in the sum of the squares of its row.
bool any_nan(std::span<const double> squares) {
  return std::ranges::any_of(squares, [](double sum) { return std::isnan(sum); });
}

/// What the block would have given if each NaN in it were the canonical one.
void canonicalize(std::size_t columns, Products& products) {
  if (any_nan(products.gamma_squares)) canonicalize_nan(products.gamma);
  if (!any_nan(products.centered_squares)) return;
  canonicalize_nan(products.centered);
  block_sums(products.centered, columns, products.centered_sums);
}

class CpuArithmetic final : public Arithmetic {
 public:
  Status start(const StoredBlock& block, std::span<const float> mu,
               Products& products) noexcept override {
    try {
      widen(block, products.gamma);
      center_block(products.gamma, mu,
                   {.centered = products.centered,
                    .squares = products.gamma_squares,
                    .centered_squares = products.centered_squares},
                   products.centered_sums);
      canonicalize(block.columns, products);
      return Status::ok;
    } catch (const std::bad_alloc&) {
      return Status::out_of_memory;
    }
  }

  Status finish() noexcept override { return Status::ok; }

  [[nodiscard]] const char* message() const noexcept override { return ""; }
};

}  // namespace

std::unique_ptr<Arithmetic> make_cpu_arithmetic() {
  return std::make_unique<CpuArithmetic>();
}

}  // namespace gamma_extract::matrix
