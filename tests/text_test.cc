#include "gamma_extract/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <string_view>

namespace gamma_extract {
namespace {

TEST(TextTest, Utf8IsKept) {
  // One of each length, and the first and last of each range of table 3-7.
  for (const std::string_view text :
       {"", "plain", "\u03bc", "\u20ac", "\U0001f600", "\u0080", "\u07ff", "\u0800", "\ud7ff",
        "\ue000", "\uffff", "\U00010000", "\U0010ffff"}) {
    EXPECT_EQ(to_utf8(text), text);
    if (text != "\u0080") {
      EXPECT_EQ(printable(text), text);
    }
  }
}

TEST(TextTest, MaximalPartsAreReplaced) {
  struct Case {
    std::string_view bytes;
    std::string_view expected;
  };
  // Python: ascii(bytes.decode("utf-8", "replace")).
  constexpr Case cases[] = {
      {"\xff", "\ufffd"},
      {"a\xc3(", "a\ufffd("},
      {"\xe2\x82", "\ufffd"},
      {"\xe2(\xa1", "\ufffd(\ufffd"},
      {"\xf0\x90(\xbc", "\ufffd(\ufffd"},
      {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
      {"\xc0\xaf", "\ufffd\ufffd"},
      {"\xf0\x9f\x98", "\ufffd"},
      {"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
      {"\xe0\x80\xaf", "\ufffd\ufffd\ufffd"},
      {"\xf0\x80\x80\xaf", "\ufffd\ufffd\ufffd\ufffd"},
      {"\xf1\x80\xe1\x80\xc2", "\ufffd\ufffd\ufffd"},
      {"\x80\x80", "\ufffd\ufffd"},
      {"\xf8\x88\x80\x80\x80", "\ufffd\ufffd\ufffd\ufffd\ufffd"},
      {"ok\xe9t\xe9", "ok\ufffdt\ufffd"},
  };
  for (const Case& each : cases) EXPECT_EQ(to_utf8(each.bytes), each.expected);
}

TEST(TextTest, ControlCharactersAreEscaped) {
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(printable("\x1b[31mred\x7f"), "\\x1b[31mred\\x7f");
  EXPECT_EQ(printable(std::string_view("\0\x1f", 2)), "\\x00\\x1f");
  EXPECT_EQ(printable("\u0080\u009b\u009f\u00a0"), "\\u0080\\u009b\\u009f\u00a0");
}

TEST(TextTest, WhatReordersOrBreaksALineIsEscaped) {
  EXPECT_EQ(printable("\u2028\u2029"), "\\u2028\\u2029");
  EXPECT_EQ(printable("\u202a\u202b\u202c\u202d\u202e"), "\\u202a\\u202b\\u202c\\u202d\\u202e");
  EXPECT_EQ(printable("\u2066\u2067\u2068\u2069"), "\\u2066\\u2067\\u2068\\u2069");
  EXPECT_EQ(printable("\u061c\u200e\u200f"), "\\u061c\\u200e\\u200f");
  EXPECT_EQ(printable("\u200d\u202f\u2065\u206a"), "\u200d\u202f\u2065\u206a");
}

TEST(TextTest, BytesThatAreNoUtf8ShowWhichTheyAre) {
  EXPECT_EQ(printable("caf\xe9"), "caf\\xe9");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(printable("\xf0\x9f\x98"), "\\xf0\\x9f\\x98");
}

TEST(TextTest, ABackslashStaysOne) {
  EXPECT_EQ(printable("a\\nb"), "a\\nb");
}

TEST(TextTest, BytesHaveThreeDigits) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.00 kB");
  EXPECT_EQ(human_bytes(9994), "9.99 kB");
  EXPECT_EQ(human_bytes(9996), "10.0 kB");
  EXPECT_EQ(human_bytes(99960), "100 kB");
  EXPECT_EQ(human_bytes(999400), "999 kB");
  EXPECT_EQ(human_bytes(999600), "1.00 MB");
  EXPECT_EQ(human_bytes(1555824640), "1.56 GB");
  EXPECT_EQ(human_bytes(std::numeric_limits<std::uint64_t>::max()), "18.4 EB");
}

}  // namespace
}  // namespace gamma_extract
