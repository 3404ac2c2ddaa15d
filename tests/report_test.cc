#include "report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace gamma_extract::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// As of notebook 01.1a, the hashes made up.
Report example() {
  Report report;
  report.model = "Qwen/Qwen3-4B-Instruct-2507";
  report.revision = "cdbee75f17c01a7cc42f958dc650907174af0554";
  report.tensor = "model.embed_tokens.weight";
  report.tied = true;
  report.reason = "lm_head.weight is not there, and the config ties the two";
  report.shard = "model-00001-of-00003.safetensors";
  report.source_dtype = "BF16";
  report.vocab_size = 151936;
  report.hidden_size = 2560;
  report.device = "cpu";
  report.threads = 2;
  report.seconds = 1.4;
  report.bytes_read = 1555824640;
  report.bytes_written = 3111659804;
  report.gamma = {.path = "data/tensors/gamma_qwen3_4b_instruct_2507.safetensors",
                  .dtype = "F32",
                  .bytes = 1555824640,
                  .data_xxh3 = "00112233445566778899aabbccddeeff",
                  .norms = {.mean = 1.0851, .std = 0.25, .min = 0.5, .median = 1.0, .max = 2.0}};
  report.centroid = {.path = "data/tensors/gamma_centroid_mu.safetensors",
                     .sha256 = std::string(64, 'a'),
                     .data_xxh3 = "ffeeddccbbaa99887766554433221100",
                     .summary = {.norm = 0.30482, .mean = -0.0000263, .std = 0.0060251}};
  report.centered = {
      .path = "data/tensors/gamma_centered_qwen3_4b_instruct_2507.safetensors",
      .dtype = "F32",
      .bytes = 1555824640,
      .data_xxh3 = "0123456789abcdef0123456789abcdef",
      .norms = {.mean = 1.04012, .std = 0.18894, .min = 0.1, .median = 1.05, .max = 1.7}};
  report.residual_norm = 3.951e-08;
  return report;
}

TEST(ReportTest, JsonHasTheseKeysInThisOrder) {
  const auto json = nlohmann::ordered_json::parse(json_report(example()));
  const auto keys = [](const nlohmann::ordered_json& object) {
    std::string names;
    for (const auto& item : object.items()) names += item.key() + " ";
    return names;
  };
  EXPECT_EQ(keys(json),
            "schema version model revision tensor tied reason shard output_scaling source_dtype "
            "vocab_size hidden_size nonfinite device threads seconds bytes_read bytes_written "
            "gamma centroid centered check warnings ");
  EXPECT_EQ(keys(json["gamma"]),
            "path dtype bytes data_xxh3 mean_norm std_norm min_norm median_norm max_norm ");
  EXPECT_EQ(keys(json["centroid"]), "path sha256 data_xxh3 norm mean std ");
  EXPECT_EQ(keys(json["centered"]),
            "path dtype bytes data_xxh3 mean_norm std_norm min_norm median_norm max_norm "
            "residual_norm ");
}

TEST(ReportTest, WhatIsAppliedOutsideStandsInBoth) {
  Report report = example();
  EXPECT_TRUE(nlohmann::json::parse(json_report(report))["output_scaling"].is_null());
  EXPECT_THAT(human_report(report), Not(HasSubstr("not included")));
  report.output_scaling = {{"logit_scale", 0.0625}, {"bias", "lm_head.bias"}};
  const auto json = nlohmann::ordered_json::parse(json_report(report));
  EXPECT_EQ(json["output_scaling"].dump(), R"({"logit_scale":0.0625,"bias":"lm_head.bias"})");
  EXPECT_THAT(human_report(report),
              HasSubstr("\nnot included    logit_scale 0.0625, bias lm_head.bias, which the model "
                        "applies outside\n"));
}

TEST(ReportTest, JsonHasTheValues) {
  Report report = example();
  report.nonfinite = 7;
  report.warnings = {"one", "two"};
  const auto json = nlohmann::json::parse(json_report(report));
  EXPECT_EQ(json["schema"], 1);
  EXPECT_THAT(json["version"].get<std::string>(), ::testing::MatchesRegex("[0-9.]+"));
  EXPECT_EQ(json["model"], report.model);
  EXPECT_EQ(json["revision"], *report.revision);
  EXPECT_EQ(json["tensor"], report.tensor);
  EXPECT_EQ(json["tied"], true);
  EXPECT_EQ(json["reason"], report.reason);
  EXPECT_EQ(json["shard"], report.shard);
  EXPECT_EQ(json["source_dtype"], "BF16");
  EXPECT_EQ(json["vocab_size"], 151936);
  EXPECT_EQ(json["hidden_size"], 2560);
  EXPECT_EQ(json["nonfinite"], 7);
  EXPECT_EQ(json["device"], "cpu");
  EXPECT_EQ(json["threads"], 2);
  EXPECT_EQ(json["seconds"], 1.4);
  EXPECT_EQ(json["bytes_read"], 1555824640);
  EXPECT_EQ(json["bytes_written"], 3111659804);
  EXPECT_EQ(json["gamma"]["path"], *report.gamma.path);
  EXPECT_EQ(json["gamma"]["dtype"], "F32");
  EXPECT_EQ(json["gamma"]["bytes"], 1555824640);
  EXPECT_EQ(json["gamma"]["data_xxh3"], report.gamma.data_xxh3);
  EXPECT_EQ(json["gamma"]["mean_norm"], 1.0851);
  EXPECT_EQ(json["gamma"]["std_norm"], 0.25);
  EXPECT_EQ(json["gamma"]["min_norm"], 0.5);
  EXPECT_EQ(json["gamma"]["median_norm"], 1.0);
  EXPECT_EQ(json["gamma"]["max_norm"], 2.0);
  EXPECT_EQ(json["centroid"]["path"], *report.centroid.path);
  EXPECT_EQ(json["centroid"]["sha256"], report.centroid.sha256);
  EXPECT_EQ(json["centroid"]["data_xxh3"], report.centroid.data_xxh3);
  EXPECT_EQ(json["centroid"]["norm"], 0.30482);
  EXPECT_EQ(json["centroid"]["mean"], -0.0000263);
  EXPECT_EQ(json["centroid"]["std"], 0.0060251);
  EXPECT_EQ(json["centered"]["data_xxh3"], report.centered.data_xxh3);
  EXPECT_EQ(json["centered"]["max_norm"], 1.7);
  EXPECT_EQ(json["centered"]["residual_norm"], 3.951e-08);
  EXPECT_EQ(json["warnings"], (std::vector<std::string>{"one", "two"}));
}

TEST(ReportTest, JsonIsOneIndentedObjectAndANewline) {
  const std::string json = json_report(example());
  EXPECT_TRUE(json.starts_with("{\n  \"schema\": 1,\n  \"version\": "));
  EXPECT_TRUE(json.ends_with("  \"check\": null,\n  \"warnings\": []\n}\n"));
}

TEST(ReportTest, JsonNumbersReadBackToTheSameBits) {
  for (const double value : {0.1, 1.0 / 3.0, 5e-324, 1.7976931348623157e308, -0.0,
                             0.30482073128223419, 1e23, 9007199254740993.0}) {
    Report report = example();
    report.residual_norm = value;
    const double read =
        nlohmann::json::parse(json_report(report))["centered"]["residual_norm"].get<double>();
    EXPECT_EQ(std::bit_cast<std::uint64_t>(read), std::bit_cast<std::uint64_t>(value)) << value;
  }
}

TEST(ReportTest, JsonNullWhereNothingIs) {
  const auto json = nlohmann::json::parse(json_report(Report{}));
  for (const char* const pointer :
       {"/revision", "/output_scaling", "/check", "/gamma/path", "/gamma/mean_norm",
        "/gamma/std_norm", "/gamma/min_norm", "/gamma/median_norm", "/gamma/max_norm",
        "/centroid/path", "/centroid/norm", "/centroid/mean", "/centroid/std", "/centered/path",
        "/centered/mean_norm", "/centered/residual_norm"}) {
    EXPECT_TRUE(json.at(nlohmann::json::json_pointer(pointer)).is_null()) << pointer;
  }
  EXPECT_EQ(json["warnings"], nlohmann::json::array());
}

/// A check of each outcome.
Check example_check() {
  return {.reference = "r\xe9.json",
          .passed = false,
          .compared = {{"vocab_size", std::uint64_t{151936}, std::uint64_t{151936}, 0.0, true},
                       {"centroid.norm", 0.3052, 0.30477681, 0.0001, false},
                       {"centroid.std", -0.000026, 0.25, 0.5, true},
                       {"centroid.sha256", std::string(64, 'b'), std::string(64, 'a'), {}, false},
                       {"gamma.std_norm", ReportValue(), 0.25, {}, false},
                       {"gamma.\x1b", 1.5, {}, {}, false, false}}};
}

TEST(ReportTest, JsonHasTheCheck) {
  Report report = example();
  report.check = example_check();
  const auto json = nlohmann::ordered_json::parse(json_report(report))["check"];
  constexpr bool ascii = true;
  EXPECT_EQ(json.dump(-1, ' ', ascii),
            R"({"reference":"r\ufffd.json","passed":false,"compared":[)"
            R"({"name":"vocab_size","expected":151936,"actual":151936,)"
            R"("tolerance":0.0,"passed":true},)"
            R"({"name":"centroid.norm","expected":0.3052,"actual":0.30477681,)"
            R"("tolerance":0.0001,"passed":false},)"
            R"({"name":"centroid.std","expected":-2.6e-05,"actual":0.25,)"
            R"("tolerance":0.5,"passed":true},)"
            R"({"name":"centroid.sha256","expected":")" +
                std::string(64, 'b') + R"(","actual":")" + std::string(64, 'a') +
                R"(","tolerance":null,"passed":false},)"
                R"({"name":"gamma.std_norm","expected":null,"actual":0.25,)"
                R"("tolerance":null,"passed":false},)"
                R"({"name":"gamma.\u001b","expected":1.5,"actual":null,)"
                R"("tolerance":null,"passed":false}]})");
}

TEST(ReportTest, HumanReportHasATableOfTheCheck) {
  Report report = example();
  report.check = example_check();
  EXPECT_THAT(human_report(report), HasSubstr(R"(
check against r\xe9.json: FAILED
                                      expected              actual
  vocab_size                            151936              151936  ok
  centroid.norm                         0.3052          0.30477681  FAILED
  centroid.std                        -2.6e-05                0.25  ok
  centroid.sha256           bbbbbbbbbbbbbbb...  aaaaaaaaaaaaaaa...  FAILED
  gamma.std_norm                          null                0.25  FAILED
  gamma.\x1b                               1.5                null  FAILED

1.40 s on cpu)"));
  report.check->passed = true;
  EXPECT_THAT(human_report(report), HasSubstr("json: passed\n"));
  report.check = std::nullopt;
  EXPECT_THAT(human_report(report), Not(HasSubstr("check")));
}

TEST(ReportTest, DifferencesAreALineEach) {
  Report report = example();
  EXPECT_THAT(differences(report), ::testing::IsEmpty());
  report.check = example_check();
  const std::string name = "r\xe9.json: ";
  const std::string of = " of model.embed_tokens.weight is ";
  const std::string remedy = "; if that is meant, save this run's --json as the new reference";
  EXPECT_THAT(
      differences(report),
      ::testing::ElementsAre(
          name + "centroid.norm" + of + "0.30477681, not 0.3052 (tolerance 0.0001)" + remedy,
          name + "centroid.sha256" + of + std::string(64, 'a') + ", not " + std::string(64, 'b') +
              remedy,
          name + "gamma.std_norm" + of + "0.25, not null" + remedy,
          name + "gamma.\x1b: a report has no such figure; correct the reference"));
}

TEST(ReportTest, ABuiltInReferenceIsNotToBeSavedAnew) {
  Report report = example();
  report.check = example_check();
  report.check->reference = "01.1a";
  EXPECT_THAT(differences(report).front(),
              ::testing::AllOf(HasSubstr("Qwen/Qwen3-4B-Instruct-2507"), HasSubstr("built in"),
                               Not(HasSubstr("new reference"))));
}

TEST(ReportTest, JsonIsAsciiWhateverTheNames) {
  Report report = example();
  report.model = "caf\xe9 \u00e9\u202e\x7f";
  report.revision = "\xff";
  report.tensor = "a\nb\x1b";
  report.reason = "\xc3";
  report.shard = "\xed\xa0\x80";
  report.gamma.path = "o\xe9/g";
  report.centroid.path = "\xe2\x82";
  report.centered.path = "\u009b";
  report.warnings = {"\xfe"};
  const std::string text = json_report(report);
  for (const char letter : text) {
    EXPECT_TRUE(letter == '\n' || (letter >= ' ' && letter <= '~'));
  }
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["model"], "caf\ufffd \u00e9\u202e\x7f");
  EXPECT_EQ(json["revision"], "\ufffd");
  EXPECT_EQ(json["tensor"], "a\nb\x1b");
  EXPECT_EQ(json["reason"], "\ufffd");
  EXPECT_EQ(json["shard"], "\ufffd\ufffd\ufffd");
  EXPECT_EQ(json["gamma"]["path"], "o\ufffd/g");
  EXPECT_EQ(json["centroid"]["path"], "\ufffd");
  EXPECT_EQ(json["centered"]["path"], "\u009b");
  EXPECT_EQ(json["warnings"][0], "\ufffd");
}

TEST(ReportTest, HumanReportHasTheNotebooksFigures) {
  EXPECT_EQ(human_report(example()), R"(model           Qwen/Qwen3-4B-Instruct-2507
revision        cdbee75f17c01a7cc42f958dc650907174af0554
tensor          model.embed_tokens.weight (tied)
reason          lm_head.weight is not there, and the config ties the two
shard           model-00001-of-00003.safetensors
shape           [151936, 2560]
dtype           BF16

gamma, the unembedding matrix, F32
  mean norm     1.0851
  std norm      0.2500
  min norm      0.5000
  median norm   1.0000
  max norm      2.0000
  xxh3          00112233445566778899aabbccddeeff
  file          data/tensors/gamma_qwen3_4b_instruct_2507.safetensors (1.56 GB)

mu, the centroid, F32
  norm          0.3048
  mean element  -0.000026
  std element   0.006025
  sha256        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  xxh3          ffeeddccbbaa99887766554433221100
  file          data/tensors/gamma_centroid_mu.safetensors (10.2 kB)

gamma' = gamma - mu, F32
  mean norm     1.0401
  std norm      0.1889
  min norm      0.1000
  median norm   1.0500
  max norm      1.7000
  residual      3.95e-08 (norm of the mean row; about 0)
  xxh3          0123456789abcdef0123456789abcdef
  file          data/tensors/gamma_centered_qwen3_4b_instruct_2507.safetensors (1.56 GB)

1.40 s on cpu with 2 threads; 1.56 GB read, 3.11 GB written
)");
}

TEST(ReportTest, HumanReportWhereNothingIs) {
  Report report = example();
  report.revision = std::nullopt;
  report.tied = false;
  report.gamma.path = std::nullopt;
  report.gamma.norms = {};
  report.residual_norm = std::nullopt;
  report.centroid.summary = {};
  report.threads = 1;
  report.nonfinite = 3;
  const std::string text = human_report(report);
  EXPECT_THAT(text, Not(HasSubstr("revision")));
  EXPECT_THAT(text, HasSubstr("tensor          model.embed_tokens.weight\n"));
  EXPECT_THAT(text, HasSubstr("not finite      3 values\n"));
  EXPECT_THAT(text, HasSubstr("  std norm      n/a\n"));
  EXPECT_THAT(text, HasSubstr("  mean element  n/a\n"));
  EXPECT_THAT(text, HasSubstr("  residual      n/a\n"));
  EXPECT_THAT(text, HasSubstr("  file          not written\n"));
  EXPECT_THAT(text, HasSubstr("with 1 thread;"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
}

TEST(ReportTest, HumanReportShowsSmallAndLargeFiguresToo) {
  Report report = example();
  report.gamma.norms = {.mean = 1.25e-9, .std = 0.0, .min = 5e-324, .median = 0.0001, .max = 3e38};
  const std::string text = human_report(report);
  EXPECT_THAT(text, HasSubstr("  mean norm     1.2500e-09\n"));
  EXPECT_THAT(text, HasSubstr("  std norm      0.0000\n"));
  EXPECT_THAT(text, HasSubstr("  min norm      4.9407e-324\n"));
  EXPECT_THAT(text, HasSubstr("  median norm   0.0001\n"));
  EXPECT_THAT(text, HasSubstr("  max norm      3.0000e+38\n"));
}

TEST(ReportTest, HumanReportEscapesWhatATerminalWouldObey) {
  Report report = example();
  report.model = "\x1b]0;x";
  report.revision = "\x1b";
  report.tensor = "a\nb";
  report.reason = "\u202e";
  report.shard = "s\rt";
  report.gamma.path = "\xff";
  report.centroid.path = "\x07";
  report.centered.path = "\u009b";
  const std::string text = human_report(report);
  for (const char* const part :
       {"model           \\x1b]0;x\n", "revision        \\x1b\n", "tensor          a\\nb (tied)\n",
        "reason          \\u202e\n", "shard           s\\rt\n", "  file          \\xff (1.56 GB)\n",
        "  file          \\x07 (10.2 kB)\n", "  file          \\u009b (1.56 GB)\n"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

}  // namespace
}  // namespace gamma_extract::cli
