#include "edit_distance.h"

#include <gtest/gtest.h>

namespace gamma_extract {
namespace {

TEST(EditDistanceTest, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("model", "model"), 0U);
  EXPECT_EQ(edit_distance("model", "modl"), 1U);
  EXPECT_EQ(edit_distance("model", "modell"), 1U);
  EXPECT_EQ(edit_distance("model", "modal"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(EditDistanceTest, SwappedNeighboursAreOneEdit) {
  EXPECT_EQ(edit_distance("model", "mdoel"), 1U);
  EXPECT_EQ(edit_distance("ab", "ba"), 1U);
}

}  // namespace
}  // namespace gamma_extract
