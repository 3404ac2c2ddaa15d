// A module of this version whose devices are broken: the first one computes what is wrong, as one
// with bad memory does, the second has no memory, and the third fails.
#include <algorithm>

#include "matrix.h"
#include "version.h"

namespace gamma_extract::matrix {
namespace {

class FaultyArithmetic final : public Arithmetic {
 public:
  explicit FaultyArithmetic(unsigned device) : device_(device) {}

  Status start(const StoredBlock& /*block*/, std::span<const float> mu,
               Products& products) noexcept override {
    if (device_ == 1) return Status::out_of_memory;
    if (device_ == 2) return Status::failed;
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
  [[nodiscard]] const char* message() const noexcept override { return "an illegal address"; }

 private:
  unsigned device_;
};

DeviceAnswer say_usable(const Device& /*device*/) noexcept {
  return {};
}

std::unique_ptr<Arithmetic> make_faulty(const Device& device) noexcept {
  return std::make_unique<FaultyArithmetic>(device.index);
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
