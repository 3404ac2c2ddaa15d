#include "display_width.h"

#include <gtest/gtest.h>

#include <string>

namespace gamma_extract::cli {
namespace {

TEST(DisplayWidthTest, CountsCells) {
  EXPECT_EQ(display_width(""), 0U);
  EXPECT_EQ(display_width("lm_head.weight"), 14U);
  EXPECT_EQ(display_width("caf\u00e9"), 4U);
  EXPECT_EQ(display_width("\u5c42"), 2U);      // a wide character
  EXPECT_EQ(display_width("e\u0301x"), 2U);    // an accent of its own
  EXPECT_EQ(display_width("\U0001f600"), 2U);  // beyond the first plane
  EXPECT_EQ(display_width("\ufffd"), 1U);
}

TEST(DisplayWidthTest, ShortenedInTheMiddle) {
  EXPECT_EQ(shortened("model.layers.0.mlp", 18), "model.layers.0.mlp");
  EXPECT_EQ(shortened("model.layers.0.mlp", 17), "model.l...s.0.mlp");
  EXPECT_EQ(shortened("0123456789", 8), "012...89");
  EXPECT_EQ(shortened("0123456789", 5), "0...9");
  EXPECT_EQ(shortened("0123456789", 4), "0123");
  EXPECT_EQ(shortened("0123456789", 0), "");
}

TEST(DisplayWidthTest, ShortenedBetweenCharacters) {
  EXPECT_EQ(shortened("\u5c42\u5c42\u5c42\u5c42", 7), "\u5c42...\u5c42");
  EXPECT_EQ(shortened("\u5c42\u5c42\u5c42\u5c42", 6), "\u5c42...");  // an odd cell stays free
  EXPECT_EQ(shortened("e\u0301aaaaaae\u0301", 5), "e\u0301...e\u0301");
  EXPECT_EQ(shortened("\u5c42\u5c42\u5c42", 3), "\u5c42");
}

TEST(DisplayWidthTest, Padded) {
  EXPECT_EQ(padded("a", 3), "a  ");
  EXPECT_EQ(padded("abcd", 3), "abcd");
  EXPECT_EQ(padded("\u5c42", 3), "\u5c42 ");
}

TEST(DisplayWidthTest, WrappedAtSpaces) {
  EXPECT_EQ(wrapped("", 5, 2), "");
  EXPECT_EQ(wrapped("a bc def", 8, 2), "a bc def");
  EXPECT_EQ(wrapped("a bc def", 7, 2), "a bc\n  def");
  EXPECT_EQ(wrapped("a bc def", 4, 2), "a bc\n  def");
  EXPECT_EQ(wrapped("a bc def", 3, 1), "a\n bc\n def");
  EXPECT_EQ(wrapped("endless word", 3, 1), "endless\n word");
  EXPECT_EQ(wrapped("a  b", 9, 1), "a  b");
}

}  // namespace
}  // namespace gamma_extract::cli
