#include "matrix.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

// The module's objects, linked plainly. Expected bits are those that torch gives for the same
// values
// (`torch.tensor(...).to(torch.float32).view(torch.int32)`), or follow from the formats.

namespace gamma_extract::matrix {
namespace {

using safetensors::Dtype;

template <class Stored>
Block block_of(const std::vector<Stored>& stored, Dtype dtype, std::size_t columns) {
  return {.stored = std::as_bytes(std::span(stored)),
          .dtype = dtype,
          .rows = stored.size() / columns,
          .columns = columns};
}

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

class MatrixTest : public ::testing::Test {
 protected:
  template <class Stored>
  std::vector<float> widened(const std::vector<Stored>& stored, Dtype dtype) {
    std::vector<float> values(stored.size());
    BlockSums sums;
    EXPECT_EQ(arithmetic_->sum(block_of(stored, dtype, stored.size()), values, sums), Status::ok);
    return values;
  }

  std::unique_ptr<Arithmetic> arithmetic_ = gamma_extract_matrix()->make_arithmetic();
};

TEST_F(MatrixTest, WidensBf16) {
  const std::vector<std::uint16_t> stored{0x3f80, 0xbf80, 0x0001, 0x8000, 0x7f7f};
  EXPECT_EQ(
      bits_of(widened(stored, Dtype::BF16)),
      (std::vector<std::uint32_t>{0x3f800000, 0xbf800000, 0x00010000, 0x80000000, 0x7f7f0000}));
}

TEST_F(MatrixTest, WidensF16WithItsSubnormals) {
  const std::vector<std::uint16_t> stored{0x3c00, 0x0001, 0x83ff, 0x8000, 0x7bff};
  EXPECT_EQ(
      bits_of(widened(stored, Dtype::F16)),
      (std::vector<std::uint32_t>{0x3f800000, 0x33800000, 0xb87fc000, 0x80000000, 0x477fe000}));
}

TEST_F(MatrixTest, KeepsF32) {
  const std::vector<float> stored{1, -0.0F, std::numeric_limits<float>::denorm_min()};
  EXPECT_EQ(bits_of(widened(stored, Dtype::F32)), bits_of(stored));
}

TEST_F(MatrixTest, RoundsF64Once) {
  const double tie = 1 + std::ldexp(1.0, -24);
  const double subnormal = std::ldexp(1.0, -149);
  EXPECT_EQ(bits_of(widened(std::vector<double>{tie, std::nextafter(tie, 2), subnormal,
                                                subnormal / 2, subnormal * 0.75, 1e300},
                            Dtype::F64)),
            (std::vector<std::uint32_t>{0x3f800000, 0x3f800001, 1, 0, 1, 0x7f800000}));
}

TEST_F(MatrixTest, SumsTheColumns) {
  const std::vector<float> stored{1, 2, 3, 10, 20, 30};
  std::vector<float> values(6);
  BlockSums sums;
  ASSERT_EQ(arithmetic_->sum(block_of(stored, Dtype::F32, 3), values, sums), Status::ok);
  EXPECT_EQ(sums.sum, (std::vector<double>{11, 22, 33}));
}

TEST_F(MatrixTest, CentersAndMeasures) {
  const std::vector<float> stored{3, 4, 6, 8};
  const std::vector<float> mu{1, 2};
  std::vector<float> gamma(4);
  std::vector<float> centered(4);
  std::vector<double> gamma_squares{0, 1};  // what earlier pieces of the rows gave
  std::vector<double> centered_squares{0, 0};
  BlockSums sums;
  const Products products{.gamma = gamma,
                          .gamma_squares = gamma_squares,
                          .centered = centered,
                          .centered_squares = centered_squares,
                          .centered_sums = &sums};
  ASSERT_EQ(arithmetic_->center(block_of(stored, Dtype::F32, 2), mu, products), Status::ok);
  EXPECT_EQ(gamma, stored);
  EXPECT_EQ(centered, (std::vector<float>{2, 2, 5, 6}));
  EXPECT_EQ(gamma_squares, (std::vector<double>{25, 101}));
  EXPECT_EQ(centered_squares, (std::vector<double>{8, 61}));
  EXPECT_EQ(sums.sum, (std::vector<double>{7, 8}));
}

TEST_F(MatrixTest, EveryNanIsTheSame) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> stored{std::bit_cast<float>(0xff812345U), infinity, -0.0F};
  const std::vector<float> mu{0, infinity, 0};
  std::vector<float> gamma(3);
  std::vector<float> centered(3);
  std::vector<double> squares(1);
  std::vector<double> more_squares(1);
  BlockSums sums;
  const Products products{.gamma = gamma,
                          .gamma_squares = squares,
                          .centered = centered,
                          .centered_squares = more_squares,
                          .centered_sums = &sums};
  ASSERT_EQ(arithmetic_->center(block_of(stored, Dtype::F32, 3), mu, products), Status::ok);
  EXPECT_EQ(bits_of(gamma), (std::vector<std::uint32_t>{0x7fc00000, 0x7f800000, 0x80000000}));
  EXPECT_EQ(bits_of(centered), (std::vector<std::uint32_t>{0x7fc00000, 0x7fc00000, 0x80000000}));
}

// An exception of libtorch's (a shape that does not fit) must not leave the module.
TEST_F(MatrixTest, AFailureIsAValue) {
  const std::vector<float> stored{1, 2, 3, 4};
  const std::vector<float> mu{1, 2, 3};
  std::vector<float> gamma(4);
  std::vector<float> centered(4);
  std::vector<double> squares(2);
  BlockSums sums;
  const Products products{.gamma = gamma,
                          .gamma_squares = {},
                          .centered = centered,
                          .centered_squares = squares,
                          .centered_sums = &sums};
  EXPECT_EQ(arithmetic_->center(block_of(stored, Dtype::F32, 2), mu, products), Status::failed);
  EXPECT_STRNE(arithmetic_->message(), "");
}

}  // namespace
}  // namespace gamma_extract::matrix
