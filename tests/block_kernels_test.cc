#include "block_kernels.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "each_width.h"

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

std::uint32_t bits_of(float value) {
  return std::bit_cast<std::uint32_t>(value);
}

using testing::every_width;
using testing::name_of_width;
using BlockSumsTest = testing::EachWidthTest;
using CenterBlockTest = testing::EachWidthTest;
using IsFiniteDifferenceTest = testing::EachWidthTest;

INSTANTIATE_TEST_SUITE_P(At, BlockSumsTest, every_width, name_of_width);
INSTANTIATE_TEST_SUITE_P(At, CenterBlockTest, every_width, name_of_width);
INSTANTIATE_TEST_SUITE_P(At, IsFiniteDifferenceTest, every_width, name_of_width);

TEST_P(BlockSumsTest, SmallestAndLargestMagnitude) {
  const std::vector<float> values{1,  0, -0.0F,                                     //
                                  -3, 0, std::numeric_limits<float>::denorm_min(),  //
                                  2,  0, -std::numeric_limits<float>::infinity()};
  BlockSums sums;
  block_sums(values, 3, sums, GetParam());
  EXPECT_EQ(sums.sum[0], 0.0);
  EXPECT_EQ(sums.smallest[0], bits_of(1.0F));
  EXPECT_EQ(sums.largest[0], bits_of(3.0F));
  EXPECT_EQ(sums.smallest[1], 0U) << "all zero";
  EXPECT_EQ(sums.largest[1], 0U);
  EXPECT_EQ(sums.smallest[2], 1U);
  EXPECT_EQ(sums.largest[2], 0x7f800000U);
}

// As wide as vectors, strips and rows taken at once, and beside them.
constexpr std::array<std::size_t, 9> widths{1, 7, 15, 16, 17, 511, 512, 513, 1025};
constexpr std::array<std::size_t, 6> heights{1, 3, 4, 5, 8, 11};

void expect_sums(const BlockSums& sums, const std::vector<float>& values, std::size_t columns) {
  ASSERT_EQ(sums.sum.size(), columns);
  for (std::size_t j = 0; j < columns; ++j) {
    double sum = 0;
    float smallest = std::numeric_limits<float>::infinity();
    float largest = 0;
    for (std::size_t i = j; i < values.size(); i += columns) {
      sum += values[i];
      if (values[i] != 0) smallest = std::min(smallest, std::abs(values[i]));
      largest = std::max(largest, std::abs(values[i]));
    }
    EXPECT_EQ(sums.sum[j], sum) << columns << " columns, column " << j;
    EXPECT_EQ(sums.smallest[j], bits_of(smallest)) << columns << " columns, column " << j;
    EXPECT_EQ(sums.largest[j], bits_of(largest)) << columns << " columns, column " << j;
  }
}

TEST_P(BlockSumsTest, EachWidthAndHeight) {
  for (const std::size_t columns : widths) {
    for (const std::size_t rows : heights) {
      const std::vector<float> values = random_values(rows * columns, 5);
      BlockSums sums;
      block_sums(values, columns, sums, GetParam());
      expect_sums(sums, values, columns);
    }
  }
}

// In every place of a vector: a column of each kind, over and over.
TEST_P(BlockSumsTest, ZerosSubnormalsAndWhatIsNotFiniteInEachColumn) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float tiny = std::numeric_limits<float>::denorm_min();
  const std::array<std::array<float, 5>, 5> kinds{{{0, -0.0F, 0, -0.0F, 0},
                                                   {tiny, 0, -3 * tiny, 0, 0},
                                                   {1, -infinity, 2, 0, 1},
                                                   {0, 5, std::nanf(""), 1, 0},
                                                   {-0.0F, 2, 0, -8, 0.5F}}};
  constexpr std::array<std::uint32_t, 5> smallest{0, 1, 0x3f800000, 0x3f800000, 0x3f000000};
  constexpr std::array<std::uint32_t, 5> largest{0, 3, 0x7f800000, 0x7fc00000, 0x41000000};
  constexpr std::size_t columns = 513;
  std::vector<float> values;
  for (std::size_t row = 0; row < 5; ++row) {
    for (std::size_t j = 0; j < columns; ++j) values.push_back(kinds.at(j % 5).at(row));
  }
  BlockSums sums;
  block_sums(values, columns, sums, GetParam());
  for (std::size_t j = 0; j < columns; ++j) {
    EXPECT_EQ(sums.smallest[j], smallest.at(j % 5)) << j;
    EXPECT_EQ(sums.largest[j], largest.at(j % 5)) << j;
  }
}

/// The order of the additions is part of the promise: sixteen lanes by column, added up in order.
double squares_in_order(const float* row, std::size_t columns) {
  std::array<double, 16> lanes{};
  for (std::size_t j = 0; j < columns; ++j) {
    const double value = row[j];
    lanes.at(j % 16) += value * value;
  }
  double total = 0;
  for (const double lane : lanes) total += lane;
  return total;
}

TEST_P(CenterBlockTest, SubtractsAndMeasuresInAFixedOrder) {
  for (const std::size_t columns : widths) {
    for (const std::size_t rows : heights) {
      const std::vector<float> values = random_values(rows * columns, 9);
      const std::vector<float> mu = random_values(columns, 11);
      std::vector<float> centered(values.size());
      std::vector<double> squares(rows);
      std::vector<double> centered_squares(rows);
      BlockSums sums;
      center_block(values, mu,
                   {.centered = centered, .squares = squares, .centered_squares = centered_squares},
                   sums, GetParam());
      for (std::size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(bits_of(centered[i]), bits_of(values[i] - mu[i % columns])) << i;
      }
      for (std::size_t row = 0; row < rows; ++row) {
        EXPECT_EQ(squares[row], squares_in_order(&values[row * columns], columns));
        EXPECT_EQ(centered_squares[row], squares_in_order(&centered[row * columns], columns));
      }
      expect_sums(sums, centered, columns);
    }
  }
}

TEST_P(IsFiniteDifferenceTest, SeesEachBitAndWhatIsNotFinite) {
  for (const std::size_t columns : widths) {
    const std::vector<float> values = random_values(2 * columns, 3);
    const std::vector<float> mu = random_values(columns, 4);
    std::vector<float> centered(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) centered[i] = values[i] - mu[i % columns];
    EXPECT_TRUE(is_finite_difference(values, mu, centered, GetParam()));
    for (const std::size_t i : {std::size_t{0}, columns - 1, 2 * columns - 1}) {
      std::vector<float> other = centered;
      other[i] = std::bit_cast<float>(bits_of(other[i]) ^ 1U);
      EXPECT_FALSE(is_finite_difference(values, mu, other, GetParam())) << i;

      std::vector<float> endless = values;
      other = centered;
      endless[i] = other[i] = std::numeric_limits<float>::infinity();
      EXPECT_FALSE(is_finite_difference(endless, mu, other, GetParam())) << i;
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
