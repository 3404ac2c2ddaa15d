#include "without_token.h"

#include <gtest/gtest.h>

namespace gamma_extract {
namespace {

TEST(WithoutTokenTest, WhereverItStands) {
  EXPECT_EQ(without_token("hf_x", "hf_x"), "***");
  EXPECT_EQ(without_token("a hf_x b hf_xhf_x", "hf_x"), "a *** b ******");
  EXPECT_EQ(without_token("a hf_ b", "hf_x"), "a hf_ b");
  EXPECT_EQ(without_token("hf_hf_x", "hf_x"), "hf_***");
  EXPECT_EQ(without_token("", "hf_x"), "");
}

TEST(WithoutTokenTest, HoweverItIsEncoded) {
  for (const char* text :
       {"a+b/c%d", "a%2Bb%2Fc%25d", "a%2bb%2fc%25d", "%61+%62/%63%%64", "A+B/C%D", "a%2Bb/c%d"}) {
    EXPECT_EQ(without_token(text, "a+b/c%d"), "***") << text;
  }
  EXPECT_EQ(without_token("a%2", "a+"), "a%2");
  EXPECT_EQ(without_token("a%-1", "a+"), "a%-1");
}

TEST(WithoutTokenTest, ATokenMayBeWhatStandsForIt) {
  EXPECT_EQ(without_token("a*b", "*"), "a***b");
}

}  // namespace
}  // namespace gamma_extract
