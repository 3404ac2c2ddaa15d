#include "tensor_suggestions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gamma_extract {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TensorSuggestionsTest, WhatLooksLikeAHeadOrAnEmbedding) {
  EXPECT_THAT(matrix_like({"model.layers.0.mlp.output.weight", "transformer.wte.weight",
                           "transformer.wpe.weight", "lm_head.weight", "lm_head.bias",
                           "norm.weight", "model.decoder.embed_tokens.weight", "xlm_head.weight"}),
              ElementsAre("lm_head.weight", "transformer.wte.weight",
                          "model.decoder.embed_tokens.weight", "model.layers.0.mlp.output.weight"));
}

TEST(TensorSuggestionsTest, APartOfAName) {
  const std::vector<std::string_view> names = {"model.embed_tokens.weight", "lm_head.weight"};
  EXPECT_THAT(close_to("embed_tokens.weight", names), ElementsAre("model.embed_tokens.weight"));
  EXPECT_THAT(close_to("embed_tokens", names), ElementsAre("model.embed_tokens.weight"));
  EXPECT_THAT(close_to("model.lm_head.weight", names), ElementsAre("lm_head.weight"));
  EXPECT_THAT(close_to("tokens", names), IsEmpty());
  EXPECT_THAT(close_to("", names), IsEmpty());
}

TEST(TensorSuggestionsTest, ASlip) {
  const std::vector<std::string_view> names = {"model.embed_tokens.weight", "lm_head.weight"};
  EXPECT_THAT(close_to("lm_haed.weigth", names), ElementsAre("lm_head.weight"));
  EXPECT_THAT(close_to("ml_haed.weigth", names), IsEmpty());
  EXPECT_THAT(close_to("lmhead.weigh", names), ElementsAre("lm_head.weight"));
  EXPECT_THAT(close_to("lm-head.weight", names), ElementsAre("lm_head.weight"));
  EXPECT_THAT(close_to("model.embed_token.weights", names),
              ElementsAre("model.embed_tokens.weight"));
  EXPECT_THAT(close_to("LM_HEAD.WEIGHT", names), IsEmpty());
}

TEST(TensorSuggestionsTest, AtMostFiveAreListed) {
  EXPECT_EQ(enumerate({}), "");
  EXPECT_EQ(enumerate({"a"}), "a");
  EXPECT_EQ(enumerate({"a", "b", "c", "d", "e"}), "a, b, c, d, e");
  EXPECT_EQ(enumerate({"a", "b", "c", "d", "e", "f", "g"}), "a, b, c, d, e and 2 more");
}

}  // namespace
}  // namespace gamma_extract
