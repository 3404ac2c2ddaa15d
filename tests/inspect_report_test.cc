#include "inspect_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace gamma_extract::cli {
namespace {

using safetensors::Dtype;
using safetensors::Tensor;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t gamma_bytes = 777'912'320;

Tensor gamma() {
  return {.name = "model.embed_tokens.weight",
          .dtype = Dtype::BF16,
          .shape = {151936, 2560},
          .offset = 0,
          .bytes = gamma_bytes};
}

Inspection example() {
  Inspection inspection;
  inspection.model = "Qwen/Qwen3-4B";
  inspection.revision = "cdbee75f";
  inspection.chosen = {.choice = {.tensor = gamma().name,
                                  .shard = "model-00001-of-00002.safetensors",
                                  .tied = true,
                                  .reason = "the config ties it to the input embedding",
                                  .compare_with = std::nullopt,
                                  .output_scaling = {}},
                       .tensor = gamma()};
  inspection.candidates = {gamma().name};
  inspection.shards = {
      {.name = "model-00001-of-00002.safetensors", .read = true, .tensors = {gamma()}},
      {.name = "model-00002-of-00002.safetensors",
       .read = true,
       .tensors = {{.name = "model.layers.0.self_attn.q_norm.weight",
                    .dtype = Dtype::F32,
                    .shape = {128},
                    .offset = 0,
                    .bytes = 512},
                   {.name = "scale", .dtype = Dtype::U8, .shape = {}, .offset = 0, .bytes = 1}}}};
  inspection.warnings = {"w"};
  return inspection;
}

TEST(InspectReportTest, JsonIsThisText) {
  EXPECT_EQ(json_report(example()), R"({
  "schema": 1,
  "model": "Qwen/Qwen3-4B",
  "revision": "cdbee75f",
  "choice": {"tensor":"model.embed_tokens.weight","shard":"model-00001-of-00002.safetensors","dtype":"BF16","shape":[151936,2560],"tied":true,"reason":"the config ties it to the input embedding"},
  "candidates": ["model.embed_tokens.weight"],
  "problem": null,
  "tensors": [
    {"name":"model.embed_tokens.weight","shard":"model-00001-of-00002.safetensors","dtype":"BF16","shape":[151936,2560],"bytes":777912320},
    {"name":"model.layers.0.self_attn.q_norm.weight","shard":"model-00002-of-00002.safetensors","dtype":"F32","shape":[128],"bytes":512},
    {"name":"scale","shard":"model-00002-of-00002.safetensors","dtype":"U8","shape":[],"bytes":1}
  ],
  "warnings": ["w"]
}
)");
}

TEST(InspectReportTest, JsonNullWhereNothingIs) {
  const auto json = nlohmann::json::parse(json_report(Inspection{}));
  for (const char* const key : {"revision", "choice", "problem"}) {
    EXPECT_TRUE(json.at(key).is_null()) << key;
  }
  for (const char* const key : {"candidates", "tensors", "warnings"}) {
    EXPECT_EQ(json.at(key), nlohmann::json::array()) << key;
  }
}

TEST(InspectReportTest, JsonTellsTheProblem) {
  Inspection inspection = example();
  inspection.chosen.reset();
  inspection.problem = Error(Fault::config_missing, "what: why; remedy");
  const auto json = nlohmann::json::parse(json_report(inspection));
  EXPECT_TRUE(json.at("choice").is_null());
  EXPECT_EQ(json.at("problem"), "what: why; remedy");
}

TEST(InspectReportTest, JsonIsAsciiWhateverTheNames) {
  Inspection inspection = example();
  inspection.model = "\xff";
  inspection.revision = "\u00e9";
  inspection.chosen->choice.tensor = "a\nb";
  inspection.chosen->choice.shard = "\xc3";
  inspection.chosen->choice.reason = "\u2028";
  inspection.candidates = {"\x1b"};
  inspection.problem = Error(Fault::config_missing, "\xfe");
  inspection.shards[0].name = "\u5c42";
  inspection.shards[0].tensors[0].name = "\"\x7f";
  inspection.warnings = {"\u009b"};
  const std::string text = json_report(inspection);
  for (const char letter : text) {
    EXPECT_TRUE(letter == '\n' || (letter >= ' ' && letter <= '~'));
  }
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["model"], "\ufffd");
  EXPECT_EQ(json["revision"], "\u00e9");
  EXPECT_EQ(json["choice"]["tensor"], "a\nb");
  EXPECT_EQ(json["choice"]["shard"], "\ufffd");
  EXPECT_EQ(json["choice"]["reason"], "\u2028");
  EXPECT_EQ(json["candidates"][0], "\x1b");
  EXPECT_EQ(json["problem"], "\ufffd");
  EXPECT_EQ(json["tensors"][0]["shard"], "\u5c42");
  EXPECT_EQ(json["tensors"][0]["name"], "\"\x7f");
  EXPECT_EQ(json["warnings"][0], "\u009b");
}

TEST(InspectReportTest, HumanReportInAPipe) {
  EXPECT_EQ(human_report(example(), std::nullopt), R"(model           Qwen/Qwen3-4B
revision        cdbee75f
tensor          model.embed_tokens.weight (tied)
reason          the config ties it to the input embedding
shard           model-00001-of-00002.safetensors
shape           [151936, 2560]
dtype           BF16

model-00001-of-00002.safetensors                                 778 MB
  model.embed_tokens.weight               BF16  [151936, 2560]   778 MB

model-00002-of-00002.safetensors                                  513 B
  model.layers.0.self_attn.q_norm.weight  F32   [128]             512 B
  scale                                   U8    []                  1 B

3 tensors in 2 files                                             778 MB
)");
}

TEST(InspectReportTest, HumanReportOnANarrowTerminal) {
  EXPECT_EQ(human_report(example(), 50), R"(model           Qwen/Qwen3-4B
revision        cdbee75f
tensor          model.embed_tokens.weight (tied)
reason          the config ties it to the input
                embedding
shard           model-00001-of-00002.safetensors
shape           [151936, 2560]
dtype           BF16

model-00001-of-00002.safetensors            778 MB
  model.embed_tokens.weight
                     BF16  [151936, 2560]   778 MB

model-00002-of-00002.safetensors             513 B
  model.layers.0.self_attn.q_norm.weight
                     F32   [128]             512 B
  scale              U8    []                  1 B

3 tensors in 2 files                        778 MB
)");
}

TEST(InspectReportTest, EveryLineFitsTheTerminal) {
  Inspection inspection = example();
  Tensor wide = gamma();
  wide.dtype = Dtype::F8_E4M3FNUZ;
  wide.shape.assign(40, 123456789);
  wide.name = std::string(500, 'n');
  inspection.shards[0].tensors.push_back(wide);
  inspection.shards[0].name = std::string(300, 's');
  inspection.chosen->choice.reason = "words and words and words and words and words and words";
  for (const std::size_t columns : {60U, 100U, 250U}) {
    std::istringstream lines(human_report(inspection, columns));
    std::size_t widest = 0;
    for (std::string line; std::getline(lines, line);) widest = std::max(widest, line.size());
    EXPECT_EQ(widest, columns);
  }
}

TEST(InspectReportTest, NoTerminalIsTooNarrow) {
  for (std::size_t columns = 0; columns < 40; ++columns) {
    EXPECT_THAT(human_report(example(), columns), HasSubstr("\n  scale     U8    []  "));
  }
}

TEST(InspectReportTest, InAPipeNothingIsCutAndNothingMovesTheRest) {
  Inspection inspection = example();
  Tensor wide = gamma();
  wide.name = std::string(5000, 'n');
  wide.shape.assign(1000, 1);
  inspection.shards[0].tensors.push_back(wide);
  const std::string text = human_report(inspection, std::nullopt);
  EXPECT_THAT(text, HasSubstr("  " + wide.name + "  BF16  [1, 1, 1, "));
  EXPECT_THAT(text, HasSubstr(", 1]   778 MB\n"));
  EXPECT_THAT(text, HasSubstr("\n  scale                                   U8    []     "));
}

TEST(InspectReportTest, HumanReportTellsTheProblem) {
  Inspection inspection = example();
  inspection.chosen.reset();
  inspection.problem = Error(Fault::config_missing, "what: why; remedy");
  inspection.candidates = {"a", "b"};
  inspection.shards[1] = {.name = "broken", .read = false, .tensors = {}};
  const std::string text = human_report(inspection, std::nullopt);
  EXPECT_THAT(text, HasSubstr("problem         what: why; remedy\ncandidates      a, b\n\n"));
  EXPECT_THAT(text, HasSubstr("\n\nbroken                                              unread\n"));
  EXPECT_THAT(text, HasSubstr("\n\n1 tensor in 1 of 2 files  "));
  EXPECT_THAT(text, Not(HasSubstr("reason")));
}

TEST(InspectReportTest, HumanReportEscapesWhatATerminalWouldObey) {
  Inspection inspection = example();
  inspection.model = "\x1b]0;x";
  inspection.chosen->choice.tensor = "a\nb";
  inspection.chosen->choice.shard = "\xff";
  inspection.chosen->choice.reason = "\u2028";
  inspection.shards[0].name = "\x07";
  inspection.shards[0].tensors[0].name = "\u009b";
  inspection.shards[1].tensors[0].name = "\u5c42.weight";
  for (const auto columns : {std::optional<std::size_t>(), std::optional<std::size_t>(80)}) {
    const std::string text = human_report(inspection, columns);
    for (const char* const part :
         {"model           \\x1b]0;x\n", "tensor          a\\nb (tied)\n",
          "reason          \\u2028\n", "shard           \\xff\n", "\n\\x07                    ",
          "  \\u009b     BF16", "  \u5c42.weight  F32 "}) {
      EXPECT_THAT(text, HasSubstr(part));
    }
  }
}

}  // namespace
}  // namespace gamma_extract::cli
