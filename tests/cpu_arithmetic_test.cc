#include "cpu_arithmetic.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "stored_block.h"

// Expected bits are those that torch gives for the same values
// (`torch.tensor(...).to(torch.float32).view(torch.int32)`), or follow from the formats.

namespace gamma_extract::matrix {
namespace {

using safetensors::Dtype;

template <class Stored>
StoredBlock block_of(const std::vector<Stored>& stored, Dtype dtype, std::size_t columns) {
  return {.bytes = std::as_bytes(std::span(stored)),
          .dtype = dtype,
          .rows = stored.size() / columns,
          .columns = columns};
}

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

class CpuArithmeticTest : public ::testing::Test {
 protected:
  /// Centers one block, whose products stay in the members.
  Status center(const StoredBlock& block, const std::vector<float>& mu) {
    gamma_.resize(block.rows * block.columns);
    centered_.resize(block.rows * block.columns);
    gamma_squares_.resize(block.rows);
    centered_squares_.resize(block.rows);
    Products products{.gamma = gamma_,
                      .centered = centered_,
                      .gamma_squares = gamma_squares_,
                      .centered_squares = centered_squares_,
                      .centered_sums = {}};
    Status status = arithmetic_->start(block, mu, products);
    if (status == Status::ok) status = arithmetic_->finish();
    sums_ = products.centered_sums;
    return status;
  }

  template <class Stored>
  std::vector<float> widened(const std::vector<Stored>& stored, Dtype dtype) {
    const StoredBlock block = block_of(stored, dtype, stored.size());
    EXPECT_EQ(center(block, std::vector<float>(stored.size())), Status::ok);
    return gamma_;
  }

  std::unique_ptr<Arithmetic> arithmetic_ = make_cpu_arithmetic();
  std::vector<float> gamma_;
  std::vector<float> centered_;
  std::vector<double> gamma_squares_;
  std::vector<double> centered_squares_;
  BlockSums sums_;
};

TEST_F(CpuArithmeticTest, WidensBf16) {
  const std::vector<std::uint16_t> stored{0x3f80, 0xbf80, 0x0001, 0x8000, 0x7f7f};
  EXPECT_EQ(
      bits_of(widened(stored, Dtype::BF16)),
      (std::vector<std::uint32_t>{0x3f800000, 0xbf800000, 0x00010000, 0x80000000, 0x7f7f0000}));
}

TEST_F(CpuArithmeticTest, WidensF16WithItsSubnormals) {
  const std::vector<std::uint16_t> stored{0x3c00, 0x0001, 0x83ff, 0x8000, 0x7bff};
  EXPECT_EQ(
      bits_of(widened(stored, Dtype::F16)),
      (std::vector<std::uint32_t>{0x3f800000, 0x33800000, 0xb87fc000, 0x80000000, 0x477fe000}));
}

TEST_F(CpuArithmeticTest, KeepsF32) {
  const std::vector<float> stored{1, -0.0F, std::numeric_limits<float>::denorm_min()};
  EXPECT_EQ(bits_of(widened(stored, Dtype::F32)), bits_of(stored));
}

TEST_F(CpuArithmeticTest, RoundsF64Once) {
  const double tie = 1 + std::ldexp(1.0, -24);
  const double subnormal = std::ldexp(1.0, -149);
  EXPECT_EQ(bits_of(widened(std::vector<double>{tie, std::nextafter(tie, 2), subnormal,
                                                subnormal / 2, subnormal * 0.75, 1e300},
                            Dtype::F64)),
            (std::vector<std::uint32_t>{0x3f800000, 0x3f800001, 1, 0, 1, 0x7f800000}));
}

TEST_F(CpuArithmeticTest, CentersAndMeasures) {
  const std::vector<float> stored{3, 4, 6, 8};
  ASSERT_EQ(center(block_of(stored, Dtype::F32, 2), {1, 2}), Status::ok);
  EXPECT_EQ(gamma_, stored);
  EXPECT_EQ(centered_, (std::vector<float>{2, 2, 5, 6}));
  EXPECT_EQ(gamma_squares_, (std::vector<double>{25, 100}));
  EXPECT_EQ(centered_squares_, (std::vector<double>{8, 61}));
  EXPECT_EQ(sums_.sum, (std::vector<double>{7, 8}));
}

TEST_F(CpuArithmeticTest, EveryNanIsTheSame) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> stored{std::bit_cast<float>(0xff812345U), infinity, -0.0F};
  ASSERT_EQ(center(block_of(stored, Dtype::F32, 3), {0, infinity, 0}), Status::ok);
  EXPECT_EQ(bits_of(gamma_), (std::vector<std::uint32_t>{0x7fc00000, 0x7f800000, 0x80000000}));
  EXPECT_EQ(bits_of(centered_), (std::vector<std::uint32_t>{0x7fc00000, 0x7fc00000, 0x80000000}));
}

}  // namespace
}  // namespace gamma_extract::matrix
