#include "partial_sums.h"

#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "block_kernels.h"
#include "each_width.h"
#include "workers.h"

// Against the same blocks added one by one, which column_sums_test.cc holds against big integers.

namespace gamma_extract {
namespace {

constexpr std::size_t columns = 37;  // some vectors of any width, and a rest
constexpr int float_bits = 24;

struct Block {
  std::vector<float> values;
  std::size_t first_column = 0;

  [[nodiscard]] std::size_t rows() const { return values.size() / columns; }
};

template <class Sums>
void add(const Block& block, Sums& sums) {
  BlockSums of_block;
  block_sums(block.values, columns, of_block);
  if constexpr (std::is_same_v<Sums, ColumnSums>) {
    sums.add(block.first_column, block.rows(), block.values, of_block, float_bits);
  } else {
    sums.add(block.first_column, block.rows(), block.values, of_block);
  }
}

std::vector<std::uint32_t> means_of(const ColumnSums& sums, std::uint64_t rows) {
  std::vector<std::uint32_t> bits;
  for (const float mean : sums.means(rows)) bits.push_back(std::bit_cast<std::uint32_t>(mean));
  return bits;
}

class PartialSumsTest : public testing::EachWidthTest {
 protected:
  static void expect_as_one_by_one(const std::vector<Block>& blocks,
                                   std::size_t all_columns = columns) {
    ColumnSums expected(all_columns);
    ColumnSums actual(all_columns);
    PartialSums partial(actual, float_bits, GetParam());
    std::uint64_t rows = 0;
    for (const Block& block : blocks) {
      add(block, expected);
      add(block, partial);
      rows += block.rows();
    }
    partial.flush();
    EXPECT_EQ(means_of(actual, rows), means_of(expected, rows));
  }
};

INSTANTIATE_TEST_SUITE_P(At, PartialSumsTest, testing::every_width, testing::name_of_width);

/// A row in which these values follow each other over and over.
std::vector<float> row_of(const std::vector<float>& values) {
  std::vector<float> row(columns);
  for (std::size_t j = 0; j < columns; ++j) row[j] = values[j % values.size()];
  return row;
}

/// Values of about the size 2^exponent.
Block block_of_size(int exponent, std::size_t rows, unsigned seed, std::size_t first_column = 0) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> value(-2, 2);
  Block block{.values = std::vector<float>(rows * columns), .first_column = first_column};
  for (float& stored : block.values) stored = std::ldexp(value(random), exponent);
  return block;
}

TEST_P(PartialSumsTest, ManyBlocksOfOneSize) {
  std::vector<Block> blocks;
  for (unsigned i = 0; i < 50; ++i) blocks.push_back(block_of_size(-6, 7 + i % 3, i));
  expect_as_one_by_one(blocks);
}

// Each block is exact by itself, two of them together are not.
TEST_P(PartialSumsTest, BlocksThatDoNotGoTogether) {
  std::vector<Block> blocks;
  for (unsigned i = 0; i < 20; ++i) {
    blocks.push_back(block_of_size(i % 2 == 0 ? 40 : -40, 3, i));
    blocks.push_back(block_of_size(i % 3 == 0 ? -120 : 0, 3, i));
  }
  expect_as_one_by_one(blocks);
}

// Whichever it is.
TEST_P(PartialSumsTest, OneColumnThatIsNotExactIsEnough) {
  for (std::size_t j = 0; j < columns; ++j) {
    Block large = block_of_size(0, 4, 1);
    large.values[columns + j] = 1e30F;
    expect_as_one_by_one({block_of_size(0, 4, 2), large, block_of_size(0, 4, 3)});
  }
}

TEST_P(PartialSumsTest, ALargeValueThatGoesAgainLeavesWhatWasSmall) {
  const Block one{.values = row_of({1})};
  const Block large{.values = std::vector<float>(columns, 1e30F)};
  const Block taken{.values = std::vector<float>(columns, -1e30F)};
  const Block three{.values = row_of({3})};
  ColumnSums sums(columns);
  PartialSums partial(sums, float_bits, GetParam());
  for (const Block& block : {large, one, taken, three}) add(block, partial);
  partial.flush();
  EXPECT_EQ(sums.means(4), std::vector<float>(columns, 1));
}

// Not even a block by itself: value by value.
TEST_P(PartialSumsTest, BlocksThatAreNotExactByThemselves) {
  Block wide = block_of_size(0, 4, 1);
  wide.values[columns] = 1e30F;
  wide.values[columns + 1] = std::numeric_limits<float>::denorm_min();
  expect_as_one_by_one({block_of_size(0, 4, 2), wide, block_of_size(0, 4, 3), wide});
}

TEST_P(PartialSumsTest, WhatIsNotFinite) {
  Block broken = block_of_size(0, 4, 1);
  broken.values[0] = std::numeric_limits<float>::infinity();
  broken.values[1] = std::numeric_limits<float>::quiet_NaN();
  expect_as_one_by_one({block_of_size(0, 4, 2), broken, block_of_size(0, 4, 3)});
  // Nothing else in the column: no binade lies between.
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  expect_as_one_by_one({{.values = row_of({infinity, nan, -infinity})},
                        {.values = row_of({infinity, nan, -infinity})}});
}

TEST_P(PartialSumsTest, OtherColumns) {
  expect_as_one_by_one({block_of_size(0, 4, 1, 0), block_of_size(0, 4, 2, columns),
                        block_of_size(0, 4, 3, 0), block_of_size(0, 4, 4, columns)},
                       2 * columns);
}

TEST_P(PartialSumsTest, ZerosAndSubnormals) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  expect_as_one_by_one({{.values = std::vector<float>(2 * columns, 0.0F)},
                        {.values = row_of({0, -0.0F, tiny, -tiny, 3 * tiny})},
                        {.values = std::vector<float>(columns, tiny)}});
}

// That it is what it is for: the total gets what there is once, and not block by block.
TEST_P(PartialSumsTest, TheTotalGetsNothingBeforeItMust) {
  ColumnSums sums(columns);
  PartialSums partial(sums, float_bits, GetParam());
  for (unsigned i = 0; i < 50; ++i) add(Block{.values = row_of({1, 2, 3, 4, 5})}, partial);
  EXPECT_EQ(sums.means(50), std::vector<float>(columns, 0));
  partial.flush();
  EXPECT_EQ(sums.means(50), row_of({1, 2, 3, 4, 5}));
  partial.flush();
  EXPECT_EQ(sums.means(50), row_of({1, 2, 3, 4, 5}));
}

// Each thread hands over what it has when it must, whatever the others are about.
TEST_P(PartialSumsTest, ThreadsThatShareATotalChangeNothing) {
  std::vector<Block> blocks;
  std::uint64_t rows = 0;
  for (unsigned i = 0; i < 200; ++i) {
    blocks.push_back(block_of_size(i % 5 == 0 ? 40 : -10, 3, i));
    rows += blocks.back().rows();
  }
  ColumnSums expected(columns);
  for (const Block& block : blocks) add(block, expected);
  for (unsigned threads = 1; threads <= 8; ++threads) {
    ColumnSums actual(columns);
    std::atomic<std::size_t> next{0};
    run_workers(threads, [&](const KeepGoing& /*keep_going*/) {
      PartialSums partial(actual, float_bits, GetParam());
      for (std::size_t i = next++; i < blocks.size(); i = next++) add(blocks[i], partial);
      partial.flush();
    });
    EXPECT_EQ(means_of(actual, rows), means_of(expected, rows)) << threads << " threads";
  }
}

}  // namespace
}  // namespace gamma_extract
