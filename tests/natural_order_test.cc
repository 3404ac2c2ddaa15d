#include "natural_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace gamma_extract {
namespace {

/// Whether these stand in their order, each before all that follow.
void expect_order(const std::vector<std::string>& names) {
  const NaturalOrder before;
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < names.size(); ++j) {
      EXPECT_EQ(before(names[i], names[j]), i < j) << names[i] << " and " << names[j];
    }
  }
}

TEST(NaturalOrderTest, NumbersAreOfTheirValue) {
  expect_order(
      {"layers.0.a", "layers.1.a", "layers.2.a", "layers.2.b", "layers.10.a", "layers.11"});
  expect_order({"9", "10", "99999999999999999999999999998", "99999999999999999999999999999",
                "100000000000000000000000000000"});
}

TEST(NaturalOrderTest, TheRestIsOfItsBytes) {
  expect_order({"", "1", "A", "a", "a.1", "a.b", "ab", "b", "\xc3\xa9", "\xff"});
}

TEST(NaturalOrderTest, LeadingZerosCountLast) {
  expect_order({"a0", "a00", "a01", "a1", "a01x", "a1x", "a02"});
}

}  // namespace
}  // namespace gamma_extract
