#include "block_kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace gamma_extract {
namespace {

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    value = std::ldexp(static_cast<float>(random()) - 2e9F, static_cast<int>(random() % 20) - 40);
  }
  return values;
}

TEST(BlockSumsTest, SmallestAndLargestMagnitude) {
  const std::vector<float> values{1,  0, -0.0F,                                     //
                                  -3, 0, std::numeric_limits<float>::denorm_min(),  //
                                  2,  0, -std::numeric_limits<float>::infinity()};
  BlockSums sums;
  block_sums(values, 3, sums);
  EXPECT_EQ(sums.sum[0], 0.0);
  EXPECT_EQ(sums.smallest[0], std::bit_cast<std::uint32_t>(1.0F));
  EXPECT_EQ(sums.largest[0], std::bit_cast<std::uint32_t>(3.0F));
  EXPECT_EQ(sums.smallest[1], 0U) << "all zero";
  EXPECT_EQ(sums.largest[1], 0U);
  EXPECT_EQ(sums.smallest[2], 1U);
  EXPECT_EQ(sums.largest[2], 0x7f800000U);
}

TEST(BlockSumsTest, WidthsBesideTheStrip) {
  for (const std::size_t columns : {1, 511, 512, 513, 1025}) {
    const std::vector<float> values = random_values(3 * columns, 5);
    BlockSums sums;
    block_sums(values, columns, sums);
    ASSERT_EQ(sums.sum.size(), columns);
    for (std::size_t j = 0; j < columns; ++j) {
      const double expected = 0.0 + values[j] + values[columns + j] + values[2 * columns + j];
      EXPECT_EQ(sums.sum[j], expected) << columns << " columns, column " << j;
    }
  }
}

// The order of the additions is part of the promise: sixteen lanes by column, added up in order.
TEST(RowSquaresTest, OrderIsFixed) {
  for (const std::size_t columns : {1, 15, 16, 17, 100, 2560}) {
    const std::vector<float> values = random_values(2 * columns, 9);
    std::vector<double> squares(2);
    row_squares(values, columns, squares);
    for (std::size_t row = 0; row < 2; ++row) {
      std::vector<double> lanes(16, 0.0);
      for (std::size_t j = 0; j < columns; ++j) {
        const double value = values[row * columns + j];
        lanes[j % 16] += value * value;
      }
      double total = 0;
      for (const double lane : lanes) total += lane;
      EXPECT_EQ(squares[row], total) << columns << " columns";
    }
  }
}

TEST(CanonicalizeNanTest, LeavesTheRest) {
  std::vector<float> values{1.0F, std::bit_cast<float>(0xffc12345U),
                            std::bit_cast<float>(0x7f800001U),
                            -std::numeric_limits<float>::infinity(), -0.0F};
  canonicalize_nan(values);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(values[0]), std::bit_cast<std::uint32_t>(1.0F));
  EXPECT_EQ(std::bit_cast<std::uint32_t>(values[1]), 0x7fc00000U);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(values[2]), 0x7fc00000U);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(values[3]), 0xff800000U);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(values[4]), 0x80000000U);
}

}  // namespace
}  // namespace gamma_extract
