#include "gamma_extract/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "expect_fault.h"

namespace gamma_extract {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Config parse(std::string_view text) {
  return parse_config(text, "config.json");
}

TEST(ConfigTest, HoldsWhatMatters) {
  const Config config = parse(R"({
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 2560,
    "tie_word_embeddings": true, "vocab_size": 151936, "rope_scaling": {"type": "yarn"}})");
  EXPECT_EQ(config.model_type, "qwen3");
  EXPECT_THAT(config.architectures, ElementsAre("Qwen3ForCausalLM"));
  EXPECT_EQ(config.tie_word_embeddings, true);
  EXPECT_EQ(config.vocab_size, 151936U);
  EXPECT_EQ(config.hidden_size, 2560U);
}

TEST(ConfigTest, AbsentAndNullAreTheSame) {
  for (const char* text : {"{}", R"({"model_type": null, "architectures": null,
      "tie_word_embeddings": null, "vocab_size": null, "hidden_size": null})"}) {
    const Config config = parse(text);
    EXPECT_EQ(config.model_type, "");
    EXPECT_THAT(config.architectures, IsEmpty());
    EXPECT_FALSE(config.tie_word_embeddings.has_value());
    EXPECT_FALSE(config.vocab_size.has_value());
    EXPECT_FALSE(config.hidden_size.has_value());
  }
}

TEST(ConfigTest, HoldsTheTextModelsConfig) {
  for (const char* key : {"text_config", "llm_config", "language_config", "decoder"}) {
    const Config config = parse(R"({"model_type": "llava", "vocab_size": 1, ")" + std::string(key) +
                                R"(": {"model_type": "qwen2", "tie_word_embeddings": true,
                                       "vocab_size": 7, "hidden_size": 4}})");
    ASSERT_NE(config.text, nullptr) << key;
    EXPECT_EQ(config.text->model_type, "qwen2");
    EXPECT_EQ(config.text->tie_word_embeddings, true);
    EXPECT_EQ(config.text->vocab_size, 7U);
    EXPECT_EQ(config.text->hidden_size, 4U);
    EXPECT_EQ(config.vocab_size, 1U);
    EXPECT_FALSE(config.tie_word_embeddings.has_value());
  }
  EXPECT_EQ(parse(R"({"thinker_config": {"text_config": {"vocab_size": 7}}})").text->vocab_size,
            7U);
  EXPECT_EQ(parse(R"({"decoder": true})").text, nullptr);
  EXPECT_FAULT(parse(R"({"text_config": {"vocab_size": "7"}})"), config_invalid);
}

TEST(ConfigTest, TheHeadsWidthHasManyNames) {
  EXPECT_EQ(parse(R"({"d_model": 8})").hidden_size, 8U);
  EXPECT_EQ(parse(R"({"n_embd": 8})").hidden_size, 8U);
  EXPECT_EQ(parse(R"({"hidden_size": 16, "word_embed_proj_dim": 8})").hidden_size, 8U);
}

TEST(ConfigTest, HoldsWhatIsAppliedOutsideTheMatrix) {
  const auto scaling = [](std::string_view text) { return parse(text).output_scaling; };
  EXPECT_EQ(scaling(R"({"logit_scale": 0.0625})"), (OutputScaling{{"logit_scale", 0.0625}}));
  EXPECT_EQ(scaling(R"({"logits_scaling": 8})"), (OutputScaling{{"logits_scaling", 8.0}}));
  EXPECT_EQ(scaling(R"({"final_logit_softcapping": 30.0, "lm_head_multiplier": 2})"),
            (OutputScaling{{"final_logit_softcapping", 30.0}, {"lm_head_multiplier", 2.0}}));
  EXPECT_THAT(scaling(R"({"final_logit_softcapping": null})"), IsEmpty());
  EXPECT_EQ(scaling(R"({"logit_scale": "inv_sqrt_d_model"})"),
            (OutputScaling{{"logit_scale", "inv_sqrt_d_model"}}));
  EXPECT_EQ(scaling(R"({"text_config": {"final_logit_softcapping": 30.0}})"),
            (OutputScaling{{"final_logit_softcapping", 30.0}}));
  EXPECT_FAULT(parse(R"({"logit_scale": []})"), config_invalid);
}

TEST(ConfigTest, T5IsScaledByItsWidth) {
  const auto scaling = [](const std::string& rest) {
    return parse(R"({"model_type": "t5", "d_model": 64)" + rest + "}").output_scaling;
  };
  const OutputScaling scaled{{"d_model^-0.5", 0.125}};
  EXPECT_EQ(scaling(""), scaled);
  EXPECT_EQ(scaling(R"(, "tie_word_embeddings": true)"), scaled);
  EXPECT_THAT(scaling(R"(, "tie_word_embeddings": false)"), IsEmpty());
  EXPECT_THAT(scaling(R"(, "tie_word_embeddings": true, "scale_decoder_outputs": false)"),
              IsEmpty());
  EXPECT_EQ(scaling(R"(, "tie_word_embeddings": false, "scale_decoder_outputs": true)"), scaled);
  EXPECT_THAT(parse(R"({"model_type": "mt5", "d_model": 64})").output_scaling, IsEmpty());
}

TEST(ConfigTest, Lfm2HasTheFlagUnderAnotherName) {
  EXPECT_EQ(parse(R"({"model_type": "lfm2", "tie_embedding": false, "tie_word_embeddings": true})")
                .tie_word_embeddings,
            false);
  EXPECT_FALSE(
      parse(R"({"model_type": "llama", "tie_embedding": true})").tie_word_embeddings.has_value());
}

TEST(ConfigTest, HoldsWhoQuantisedIt) {
  EXPECT_EQ(parse(R"({"quantization_config": {"quant_method": "gptq"}})").quant_method, "gptq");
  EXPECT_FALSE(parse("{}").quant_method.has_value());
}

TEST(ConfigTest, TheLastOfEqualKeysCounts) {
  EXPECT_EQ(parse(R"({"model_type": "llama", "model_type": "qwen3"})").model_type, "qwen3");
}

TEST(ConfigTest, PythonsBareWordsAreAccepted) {
  const Config config = parse(R"({"time_step_limit": [0.0, Infinity], "a": -Infinity, "b": NaN,
                                  "vocab_size": 7})");
  EXPECT_EQ(config.vocab_size, 7U);
}

TEST(ConfigTest, BareWordsInStringsStay) {
  EXPECT_EQ(parse(R"({"model_type": "NaN \" -Infinity \\"})").model_type, "NaN \" -Infinity \\");
}

TEST(ConfigTest, OtherBareWordsAreRefused) {
  for (const char* text : {R"({"a": nan})", R"({"a": inf})", R"({"a": 1NaN})", R"({"a": -NaN})",
                           R"({"a": Infinity5})", R"({Infinity: 5})"}) {
    EXPECT_FAULT(parse(text), config_invalid);
  }
}

TEST(ConfigTest, NotJson) {
  for (const std::string_view text :
       {"", "{", "{} x", "{'a': 1}", "{\"a\": \"\xff\"}", "{\"a\\", "\"", "{\"a\": 1e999}"}) {
    EXPECT_FAULT(parse(text), config_invalid);
  }
  EXPECT_FAULT(parse(std::string_view("{}\0{", 4)), config_invalid);
}

TEST(ConfigTest, NotAnObject) {
  for (const char* text : {"[]", "null", "3", "\"model_type\""}) {
    EXPECT_FAULT(parse(text), config_invalid);
  }
}

TEST(ConfigTest, NestedWithoutEnd) {
  const std::string open(1'000'000, '[');
  EXPECT_FAULT(parse("{\"a\": " + open), config_invalid);
  const auto nested = [](std::size_t depth) {
    return "{\"a\": " + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_NO_THROW(parse(nested(100)));
  EXPECT_FAULT(parse(nested(101)), config_invalid);
}

TEST(ConfigTest, AValueOfAnotherTypeIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"model_type": 5})", "model_type has the value 5"},
      {R"({"architectures": "A"})", "architectures"},
      {R"({"architectures": [1]})", "architectures"},
      {R"({"tie_word_embeddings": "false"})", "tie_word_embeddings"},
      {R"({"tie_word_embeddings": 0})", "tie_word_embeddings"},
      {R"({"vocab_size": -1})", "vocab_size has the value -1"},
      {R"({"vocab_size": 1.0})", "vocab_size"},
      {R"({"vocab_size": 18446744073709551616})", "vocab_size"},
      {R"({"hidden_size": true})", "hidden_size"},
      {R"({"hidden_size": {}})", "hidden_size"},
  };
  for (const auto& [text, words] : cases) {
    EXPECT_FAULT(parse(text), config_invalid);
    try {
      parse(text);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  }
}

}  // namespace
}  // namespace gamma_extract
