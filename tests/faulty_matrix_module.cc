// A module of this version whose arithmetic is wrong, as on a device with bad memory.
#include <algorithm>

#include "matrix.h"
#include "version.h"

namespace gamma_extract::matrix {
namespace {

class FaultyArithmetic final : public Arithmetic {
 public:
  Status start(const StoredBlock& /*block*/, std::span<const float> mu,
               Products& products) noexcept override {
    std::ranges::fill(products.gamma, 1.0F);
    std::ranges::fill(products.centered, 1.0F);
    std::ranges::fill(products.gamma_squares, 1.0);
    std::ranges::fill(products.centered_squares, 2.0);  // centering cannot make rows longer
    products.centered_sums.sum.assign(mu.size(), 0);
    products.centered_sums.smallest.assign(mu.size(), 0);
    products.centered_sums.largest.assign(mu.size(), 0);
    return Status::ok;
  }
  Status finish() noexcept override { return Status::ok; }
  [[nodiscard]] const char* message() const noexcept override { return ""; }
};

DeviceAnswer say_usable(const Device& /*device*/) noexcept {
  return {};
}

std::unique_ptr<Arithmetic> make_faulty(const Device& /*device*/) noexcept {
  return std::make_unique<FaultyArithmetic>();
}

}  // namespace
}  // namespace gamma_extract::matrix

const gamma_extract::matrix::Module* gamma_extract_matrix() noexcept {
  static constexpr gamma_extract::matrix::Module faulty{
      .version = gamma_extract::version,
      .libtorch = gamma_extract::libtorch_version,
      .open_device = gamma_extract::matrix::say_usable,
      .make_arithmetic = gamma_extract::matrix::make_faulty};
  return &faulty;
}
