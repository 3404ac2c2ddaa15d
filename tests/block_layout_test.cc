#include "block_layout.h"

#include <gtest/gtest.h>

#include <tuple>

namespace gamma_extract {
namespace {

// In order, without a gap, bounded: for shapes at and around every bound.
TEST(BlockLayoutTest, BlocksFollowEachOther) {
  constexpr std::uint64_t max = BlockLayout::max_columns;
  for (const auto& [rows, columns] : {std::tuple<std::uint64_t, std::uint64_t>{1, 1},
                                      {151936, 2560},
                                      {5000, 1},
                                      {1024, 256},
                                      {1025, 255},
                                      {3, max - 1},
                                      {3, max},
                                      {3, max + 1},
                                      {2, 3 * max + 5},
                                      {1, 10'000'000}}) {
    const BlockLayout layout(rows, columns);
    std::uint64_t values = 0;
    for (std::uint64_t i = 0; i < layout.size(); ++i) {
      const BlockPlace place = layout.block(i);
      ASSERT_EQ(place.first_value, values) << rows << " x " << columns << ", block " << i;
      ASSERT_EQ(place.first_value, place.first_row * columns + place.first_column);
      ASSERT_GT(place.values(), 0U);
      ASSERT_LE(place.values(), layout.block_values());
      ASSERT_LE(place.rows, BlockLayout::max_rows);
      ASSERT_LE(place.columns, BlockLayout::max_columns);
      ASSERT_TRUE(place.columns == columns || place.rows == 1);
      values += place.values();
    }
    EXPECT_EQ(values, rows * columns);
    EXPECT_LE(layout.block_values(), BlockLayout::max_values);
  }
}

}  // namespace
}  // namespace gamma_extract
