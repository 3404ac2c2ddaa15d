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
