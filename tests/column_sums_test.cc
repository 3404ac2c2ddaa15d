#include "gamma_extract/column_sums.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "block_kernels.h"

// The oracle is libcrypto's big integers: each float32 value as an integer in units of 2^-149,
// summed exactly, and the mean judged by its distance to that sum over the count.

namespace gamma_extract {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float smallest = std::numeric_limits<float>::denorm_min();
constexpr float largest = std::numeric_limits<float>::max();

struct BigNumberDeleter {
  void operator()(BIGNUM* number) const { BN_free(number); }
};
using BigNumber = std::unique_ptr<BIGNUM, BigNumberDeleter>;

/// A finite value in units of 2^-149.
BigNumber exact(float value) {
  int exponent = 0;
  const float fraction = std::frexp(std::fabs(value), &exponent);
  BigNumber number(BN_new());
  BN_set_word(number.get(), static_cast<BN_ULONG>(std::ldexp(fraction, 24)));
  const int shift = exponent - 24 + 149;
  if (shift >= 0) {
    BN_lshift(number.get(), number.get(), shift);
  } else {
    BN_rshift(number.get(), number.get(), -shift);
  }
  BN_set_negative(number.get(), std::signbit(value) ? 1 : 0);
  return number;
}

BigNumber exact_sum(const std::vector<float>& values) {
  BigNumber sum(BN_new());
  BN_zero(sum.get());
  for (const float value : values) BN_add(sum.get(), sum.get(), exact(value).get());
  return sum;
}

/// |sum - count * value|
BigNumber distance(const BIGNUM* sum, std::uint64_t count, float value) {
  BigNumber product = exact(value);
  BN_mul_word(product.get(), count);
  BN_sub(product.get(), sum, product.get());
  BN_set_negative(product.get(), 0);
  return product;
}

/// That `mean` is the value nearest to sum / count and, of two equally near, the even one.
void expect_rounded_once(const BIGNUM* sum, std::uint64_t count, float mean) {
  ASSERT_TRUE(std::isfinite(mean));
  const BigNumber here = distance(sum, count, mean);
  for (const float direction : {-infinity, infinity}) {
    const float neighbour = std::nextafter(mean, direction);
    if (!std::isfinite(neighbour)) continue;
    const int order = BN_cmp(here.get(), distance(sum, count, neighbour).get());
    EXPECT_LE(order, 0) << mean << ": " << neighbour << " is nearer";
    if (order == 0) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(mean) & 1U, 0U) << mean << ": ties to even";
    }
  }
  if (BN_is_zero(sum) != 0) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(mean), 0U) << "an exact sum of zero gives +0";
  } else {
    EXPECT_EQ(std::signbit(mean), BN_is_negative(sum) != 0) << "the sign is kept";
  }
}

/// The mean of a column by the code under test, cut into blocks of `block_rows`.
float mean_of(const std::vector<float>& column, std::size_t block_rows, int significant_bits = 24) {
  ColumnSums sums(1);
  BlockSums block;
  for (std::size_t row = 0; row < column.size(); row += block_rows) {
    const std::span values(column.data() + row, std::min(block_rows, column.size() - row));
    block_sums(values, 1, block);
    sums.add(0, values.size(), values, block, significant_bits);
  }
  return sums.means(column.size()).at(0);
}

void expect_exact(const std::vector<float>& column, int significant_bits = 24) {
  const BigNumber sum = exact_sum(column);
  for (const std::size_t block_rows : {std::size_t{1}, std::size_t{7}, std::size_t{1024}}) {
    SCOPED_TRACE(block_rows);
    expect_rounded_once(sum.get(), column.size(), mean_of(column, block_rows, significant_bits));
  }
}

TEST(ColumnSumsTest, CancellationLosesNothing) {
  EXPECT_EQ(mean_of({1e30F, 1, -1e30F, 3}, 4), 1.0F);
  EXPECT_EQ(mean_of({1e30F, 1, -1e30F, 3}, 1), 1.0F);
  expect_exact({largest, smallest, -largest, smallest});
  expect_exact({largest, -smallest, largest, largest, -largest});
}

TEST(ColumnSumsTest, Subnormals) {
  expect_exact({smallest, smallest, smallest});
  expect_exact({smallest, 0, 0, 0, 0});
  expect_exact({smallest, smallest, 0, 0});
  expect_exact({smallest * 3, 0});
  expect_exact({std::numeric_limits<float>::min(), -smallest, smallest * 5});
}

TEST(ColumnSumsTest, Zeros) {
  const auto bits = [](float value) { return std::bit_cast<std::uint32_t>(value); };
  EXPECT_EQ(bits(mean_of({-0.0F, -0.0F}, 2)), 0U);
  EXPECT_EQ(bits(mean_of({1.0F, -1.0F}, 2)), 0U);
  // A mean that rounds to zero keeps its sign.
  EXPECT_EQ(bits(mean_of({-smallest, 0, 0}, 3)), 0x80000000U);
  EXPECT_EQ(bits(mean_of({smallest, 0, 0}, 3)), 0U);
}

TEST(ColumnSumsTest, TiesGoToEven) {
  const float one_and_a_bit = std::nextafter(1.0F, 2.0F);
  EXPECT_EQ(mean_of({1.0F, one_and_a_bit}, 2), 1.0F);
  const float next = std::nextafter(one_and_a_bit, 2.0F);
  EXPECT_EQ(mean_of({one_and_a_bit, next}, 2), next);
  EXPECT_EQ(mean_of({smallest, 0}, 2), 0.0F);
  EXPECT_EQ(mean_of({smallest, smallest * 2}, 2), smallest * 2);
}

// A quotient just above half the smallest subnormal: rounded to 24 bits first, it would be a tie.
TEST(WideSumTest, SubnormalsAreRoundedOnce) {
  WideSum sum;
  sum.add(std::ldexp((1 << 29) + 1, -149));
  EXPECT_EQ(sum.mean((1ULL << 30) + 1), smallest);
  EXPECT_EQ(sum.mean((1ULL << 30) + 2), 0.0F);  // a tie
  EXPECT_EQ(sum.mean((1ULL << 30) + 3), 0.0F);
}

// Just above and just below a tie, by less than the 64 bits that the quotient keeps.
TEST(WideSumTest, WhatTheDivisionLeavesCounts) {
  WideSum above;
  above.add(std::ldexp(3.0, 40));
  above.add(std::ldexp(3.0, 16));  // 3 (1 + 2^-24) 2^40, a tie of neighbours once divided by 3
  EXPECT_EQ(above.mean(3), std::ldexp(1.0F, 40));
  above.add(std::ldexp(1.0, -149));
  EXPECT_EQ(above.mean(3), std::nextafter(std::ldexp(1.0F, 40), infinity));
}

TEST(ColumnSumsTest, LargestValues) {
  expect_exact(std::vector<float>(100, largest));
  expect_exact(std::vector<float>(100, -largest));
}

TEST(ColumnSumsTest, AlternatingSigns) {
  std::vector<float> column;
  for (int i = 1; i <= 5000; ++i)
    column.push_back((i % 2 == 0 ? 1.0F : -1.0F) / static_cast<float>(i));
  expect_exact(column);
}

TEST(ColumnSumsTest, AMillionEqualRowsHaveThatMean) {
  for (const float value : {0.1F, -3e38F, smallest, 1.0F / 3}) {
    EXPECT_EQ(mean_of(std::vector<float>(1'000'000, value), 1024), value);
  }
}

/// Adds the negation of nearly all values, so that what is lost of the small ones shows in the sum.
void cancel(std::vector<float>& column, std::mt19937& random) {
  const std::size_t count = column.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (random() % 8 != 0 || std::fabs(column[i]) > 1e-3F) column.push_back(-column[i]);
  }
  std::shuffle(column.begin(), column.end(), random);
}

// Any bits that are finite, so any exponents.
TEST(ColumnSumsTest, RandomBits) {
  std::mt19937 random(20261124);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<float> column(1 + random() % 300);
    for (float& value : column) {
      do {
        value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
      } while (!std::isfinite(value));
    }
    cancel(column, random);
    expect_exact(column);
  }
}

// Exponents around the width that float64 still sums exactly, and types of fewer significant bits.
TEST(ColumnSumsTest, RandomExponentsOfEachType) {
  std::mt19937 random(7);
  for (const int bits : {8, 11, 24}) {
    const auto mask = ~((1U << static_cast<unsigned>(24 - bits)) - 1U);
    for (unsigned trial = 0; trial < 200; ++trial) {
      const unsigned spread = 1 + trial % 60;
      std::vector<float> column(1 + random() % 2000);
      for (float& value : column) {
        const auto exponent = static_cast<std::uint32_t>(80 + random() % spread);
        const auto rest = static_cast<std::uint32_t>(random()) & 0x807fffffU & mask;
        value = std::bit_cast<float>(rest | exponent << 23U);
      }
      cancel(column, random);
      expect_exact(column, bits);
    }
  }
}

TEST(ColumnSumsTest, ThreadsAndOrderChangeNothing) {
  constexpr std::size_t columns = 37;
  constexpr std::size_t rows = 640;
  constexpr std::size_t block_rows = 10;
  std::mt19937 random(3);
  std::vector<float> values(rows * columns);
  for (float& value : values)
    value = std::ldexp(static_cast<float>(random()), static_cast<int>(random() % 80) - 70);

  const auto means = [&](unsigned threads) {
    ColumnSums sums(columns);
    const auto work = [&](unsigned first) {
      BlockSums block;
      for (std::size_t i = first; i < rows / block_rows; i += threads) {
        const std::span part(values.data() + i * block_rows * columns, block_rows * columns);
        block_sums(part, columns, block);
        sums.add(0, block_rows, part, block, 24);
      }
    };
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < threads; ++i) workers.emplace_back(work, i);
    workers.clear();
    return sums.means(rows);
  };
  const std::vector<float> expected = means(1);
  for (unsigned threads = 2; threads <= 8; ++threads) EXPECT_EQ(means(threads), expected);
}

TEST(ColumnSumsTest, PiecesOfRowsGoToTheirColumns) {
  ColumnSums sums(3);
  BlockSums block;
  const std::vector<float> left{1, 2};
  const std::vector<float> right{5};
  block_sums(left, 2, block);
  sums.add(0, 1, left, block, 24);
  block_sums(right, 1, block);
  sums.add(2, 1, right, block, 24);
  EXPECT_EQ(sums.means(1), (std::vector<float>{1, 2, 5}));
}

TEST(ColumnSumsTest, ValuesThatAreNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(mean_of({1, infinity, 2}, 2), infinity);
  EXPECT_EQ(mean_of({1, -infinity, 2}, 2), -infinity);
  for (const auto& column :
       {std::vector<float>{infinity, -infinity, 0}, std::vector<float>{nan, 1, 2},
        std::vector<float>{-nan, infinity, 2}}) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(mean_of(column, 2)), 0x7fc00000U);
  }
}

TEST(ColumnSumsTest, NormOfMean) {
  ColumnSums sums(2);
  BlockSums block;
  const std::vector<float> values{1, 2, 5, 6};  // the mean row is (3, 4)
  block_sums(values, 2, block);
  sums.add(0, 2, values, block, 24);
  EXPECT_DOUBLE_EQ(sums.norm_of_mean(2).value(), 5.0);

  ColumnSums tiny(1);
  const std::vector<float> third{smallest, 0, 0};  // finer than any float32
  block_sums(third, 1, block);
  tiny.add(0, 3, third, block, 24);
  EXPECT_DOUBLE_EQ(tiny.norm_of_mean(3).value(), static_cast<double>(smallest) / 3);

  const std::vector<float> endless{infinity};
  block_sums(endless, 1, block);
  tiny.add(0, 1, endless, block, 24);
  EXPECT_FALSE(tiny.norm_of_mean(4).has_value());
}

// The condition itself: at its edge float64 is exact, one step beyond it is not always.
TEST(SumIsExactTest, CountsBits) {
  const auto bits = [](int exponent) { return static_cast<std::uint32_t>(exponent + 127) << 23U; };
  EXPECT_TRUE(sum_is_exact(bits(0), bits(29), 1, 24));
  EXPECT_FALSE(sum_is_exact(bits(0), bits(30), 1, 24));
  EXPECT_TRUE(sum_is_exact(bits(0), bits(19), 1024, 24));
  EXPECT_FALSE(sum_is_exact(bits(0), bits(20), 1024, 24));
  EXPECT_FALSE(sum_is_exact(bits(0), bits(19), 1025, 24));
  EXPECT_TRUE(sum_is_exact(bits(0), bits(35), 1024, 8));
  EXPECT_FALSE(sum_is_exact(bits(0), bits(36), 1024, 8));
  EXPECT_TRUE(sum_is_exact(0, 0, 1024, 24)) << "all zero";
  EXPECT_TRUE(sum_is_exact(1, bits(-126 + 29), 1, 24)) << "subnormals have the unit of exponent 1";
  EXPECT_FALSE(sum_is_exact(1, bits(-126 + 30), 1, 24));
  EXPECT_FALSE(sum_is_exact(bits(0), 0x7f800000, 1, 8)) << "infinity";
}

}  // namespace
}  // namespace gamma_extract
