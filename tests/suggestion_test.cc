#include "suggestion.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace gamma_extract {
namespace {

std::optional<std::string> meant(std::string_view typed) {
  const std::vector<std::string> candidates{"model", "out", "threads", "json", "no-metadata"};
  return nearest(typed, candidates);
}

TEST(SuggestionTest, OneLetterOff) {
  EXPECT_EQ(meant("treads"), "threads");
  EXPECT_EQ(meant("threadss"), "threads");
  EXPECT_EQ(meant("modal"), "model");
  EXPECT_EQ(meant("ouf"), "out");
}

TEST(SuggestionTest, ASwapIsOneStep) {
  EXPECT_EQ(meant("otu"), "out");
  EXPECT_EQ(meant("josn"), "json");
}

TEST(SuggestionTest, CaseIsIgnored) {
  EXPECT_EQ(meant("JSON"), "json");
}

TEST(SuggestionTest, ABeginningIsEnough) {
  EXPECT_EQ(meant("no-meta"), "no-metadata");
  EXPECT_EQ(meant("output-directory"), "out");
}

TEST(SuggestionTest, WhatIsFarIsNotMeant) {
  EXPECT_EQ(meant("revision"), std::nullopt);
  EXPECT_EQ(meant("x"), std::nullopt);
  EXPECT_EQ(meant("jo"), std::nullopt);
  EXPECT_EQ(meant(""), std::nullopt);
}

TEST(SuggestionTest, TheNearestWins) {
  const std::vector<std::string> candidates{"lion", "line", "lino"};
  EXPECT_EQ(nearest("lines", candidates), "line");
  EXPECT_EQ(nearest("lino", candidates), "lino");
}

}  // namespace
}  // namespace gamma_extract
