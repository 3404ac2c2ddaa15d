#include "tie.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

namespace gamma_extract {
namespace {

using ::testing::HasSubstr;
using Flag = std::optional<bool>;

constexpr Flag absent = std::nullopt;

Config config_of(Flag outer, Flag inner, const std::string& inner_type = "llama") {
  Config text;
  text.model_type = inner_type;
  text.tie_word_embeddings = inner;
  Config config;
  config.tie_word_embeddings = outer;
  config.text = std::make_shared<const Config>(text);
  return config;
}

Flag tied(TieFlag flag, bool by_default, const Config& config) {
  const Family family{.model_types = {},
                      .heads = {},
                      .embeddings = {},
                      .flag = flag,
                      .tied_by_default = by_default};
  return tie_of(config, &family).tied;
}

TEST(TieTest, TheOuterFlagAlone) {
  for (const Flag inner : {absent, Flag(false), Flag(true)}) {
    EXPECT_EQ(tied(TieFlag::outer, false, config_of(true, inner)), true);
    EXPECT_EQ(tied(TieFlag::outer, true, config_of(false, inner)), false);
    EXPECT_EQ(tied(TieFlag::outer, false, config_of(absent, inner)), false);
    EXPECT_EQ(tied(TieFlag::outer, true, config_of(absent, inner)), true);
  }
}

TEST(TieTest, TheInnerFlagAlone) {
  for (const Flag outer : {absent, Flag(false), Flag(true)}) {
    EXPECT_EQ(tied(TieFlag::inner, false, config_of(outer, true)), true);
    EXPECT_EQ(tied(TieFlag::inner, true, config_of(outer, false)), false);
    // Without it, as the inner model type would be.
    EXPECT_EQ(tied(TieFlag::inner, true, config_of(outer, absent, "llama")), false);
    EXPECT_EQ(tied(TieFlag::inner, false, config_of(outer, absent, "gemma")), true);
    EXPECT_EQ(tied(TieFlag::inner, false, config_of(outer, false, "t5")), true);
    EXPECT_EQ(tied(TieFlag::inner, true, config_of(outer, absent, "unknown")), true);
  }
}

TEST(TieTest, EitherFlag) {
  EXPECT_EQ(tied(TieFlag::either, false, config_of(true, false)), true);
  EXPECT_EQ(tied(TieFlag::either, false, config_of(false, true)), true);
  EXPECT_EQ(tied(TieFlag::either, false, config_of(false, false)), false);
  EXPECT_EQ(tied(TieFlag::either, false, config_of(absent, absent, "llama")), false);
  EXPECT_EQ(tied(TieFlag::either, false, config_of(absent, absent, "gemma")), true);
}

TEST(TieTest, TheFirstFlag) {
  for (const Flag inner : {absent, Flag(false), Flag(true)}) {
    EXPECT_EQ(tied(TieFlag::first, false, config_of(true, inner)), true);
    EXPECT_EQ(tied(TieFlag::first, true, config_of(false, inner)), false);
  }
  EXPECT_EQ(tied(TieFlag::first, false, config_of(absent, true)), true);
  EXPECT_EQ(tied(TieFlag::first, true, config_of(absent, false)), false);
  EXPECT_EQ(tied(TieFlag::first, false, config_of(absent, absent)), false);
}

TEST(TieTest, NoFlagAtAll) {
  EXPECT_EQ(tied(TieFlag::always, true, config_of(false, false)), true);
  EXPECT_EQ(tied(TieFlag::never, false, config_of(true, true)), false);
}

TEST(TieTest, OfAnUnknownTypeTheOuterFlagUnlessTheInnerDisagrees) {
  EXPECT_EQ(tie_of(config_of(true, absent), nullptr).tied, true);
  EXPECT_EQ(tie_of(config_of(true, true), nullptr).tied, true);
  EXPECT_EQ(tie_of(config_of(false, absent), nullptr).tied, false);
  EXPECT_EQ(tie_of(config_of(true, false), nullptr).tied, absent);
  EXPECT_EQ(tie_of(config_of(false, true), nullptr).tied, absent);
  EXPECT_EQ(tie_of(config_of(absent, true), nullptr).tied, absent);
  EXPECT_EQ(tie_of(Config(), nullptr).tied, absent);
  EXPECT_THAT(tie_of(config_of(true, false), nullptr).because, HasSubstr("disagree"));
}

}  // namespace
}  // namespace gamma_extract
