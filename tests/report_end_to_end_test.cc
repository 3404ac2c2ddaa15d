#include <gtest/gtest.h>
#include <unistd.h>

#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "extraction.h"

// What the program prints, and where.

namespace gamma_extract {
namespace {

using testing::expect_success;
using testing::Json;
using testing::Outcome;
using testing::run_program;
using testing::TemporaryDirectory;

const std::string example = std::string(PROJECT_DIR) + "/examples/qwen3-tiny";

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

TEST(ReportEndToEndTest, JsonHasTheKeysInTheirOrderAndWritesNothingWithoutOut) {
  using Keys = std::vector<std::string>;
  const TemporaryDirectory directory;
  const Outcome outcome = run_program({"--model", example, "--json"},
                                      [&] { EXPECT_EQ(::chdir(directory.path().c_str()), 0); });
  expect_success(outcome);
  EXPECT_EQ(testing::count_entries(directory.path()), 0U);
  const Json report = Json::parse(outcome.out);
  EXPECT_EQ(keys_of(report),
            (Keys{"schema",     "version",     "model",         "revision",       "tensor",
                  "tied",       "reason",      "shard",         "output_scaling", "source_dtype",
                  "vocab_size", "hidden_size", "nonfinite",     "device",         "threads",
                  "seconds",    "bytes_read",  "bytes_written", "gamma",          "centroid",
                  "centered",   "check",       "warnings"}));
  EXPECT_EQ(keys_of(report.at("gamma")), (Keys{"path", "dtype", "bytes", "data_xxh3", "mean_norm",
                                               "std_norm", "min_norm", "median_norm", "max_norm"}));
  EXPECT_EQ(keys_of(report.at("centroid")),
            (Keys{"path", "sha256", "data_xxh3", "norm", "mean", "std"}));
  EXPECT_EQ(keys_of(report.at("centered")),
            (Keys{"path", "dtype", "bytes", "data_xxh3", "mean_norm", "std_norm", "min_norm",
                  "median_norm", "max_norm", "residual_norm"}));
  for (const char* part : {"gamma", "centroid", "centered"}) {
    EXPECT_TRUE(report.at(part).at("path").is_null()) << part;
  }
  EXPECT_EQ(report.at("schema"), 1);
  EXPECT_EQ(report.at("bytes_written"), 0);
  EXPECT_EQ(report.at("device"), "cpu");
  EXPECT_EQ(report.at("shard"), "model-00001-of-00003.safetensors");
  EXPECT_EQ(report.at("warnings"), Json::array());
  for (const char* key : {"revision", "output_scaling", "check"}) {
    EXPECT_TRUE(report.at(key).is_null()) << key;
  }
}

/// The keys of an object, and of those in it.
std::set<std::string> all_keys_of(const Json& object) {
  std::set<std::string> keys;
  const Json by_path = object.flatten();  // "/check/compared/0/name"
  for (const std::string& path : keys_of(by_path)) {
    std::istringstream parts(path);
    for (std::string part; std::getline(parts, part, '/');) {
      if (part.find_first_not_of("0123456789") != std::string::npos) keys.insert(part);
    }
  }
  return keys;
}

TEST(ReportEndToEndTest, EachKeyOfTheJsonStandsInTheManual) {
  const Outcome outcome = run_program({"--model", example, "--json", "--check", "01.1a"});
  EXPECT_EQ(outcome.exit_code, 1);
  const std::set<std::string> keys = all_keys_of(Json::parse(outcome.out));
  EXPECT_TRUE(keys.contains("tolerance"));
  const std::string manual = testing::read_file(std::string(PROJECT_DIR) + "/docs/report.md");
  for (const std::string& key : keys) {
    EXPECT_NE(manual.find("`" + key + "`"), std::string::npos) << key;
  }
}

TEST(ReportEndToEndTest, QuietPrintsNothing) {
  const TemporaryDirectory directory;
  const Outcome outcome =
      run_program({"--model", example, "--out", (directory / "out").string(), "-q"});
  expect_success(outcome);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(testing::count_entries(directory / "out"), 3U);
}

TEST(ReportEndToEndTest, IsForAPersonToTheNotebooksDigits) {
  const TemporaryDirectory directory;
  const std::string out = (directory / "out").string();
  const Outcome outcome = run_program({"--model", example, "--out", out, "--threads", "2"});
  expect_success(outcome);
  std::string text = std::regex_replace(outcome.out, std::regex("\n[0-9.]+ s on"), "\nTIME on");
  for (std::size_t at = text.find(out); at != std::string::npos; at = text.find(out)) {
    text.replace(at, out.size(), "OUT");
  }
  EXPECT_EQ(text, R"(model           qwen3-tiny
tensor          model.embed_tokens.weight (tied)
reason          the config ties it to the input embedding, and there is no lm_head.weight
shard           model-00001-of-00003.safetensors
shape           [1500, 64]
dtype           BF16

gamma, the unembedding matrix, F32
  mean norm     1.0409
  std norm      0.2378
  min norm      0.3447
  median norm   1.0349
  max norm      1.8488
  xxh3          4cd916434fb6e3e314883d6ad3f480b4
  file          OUT/gamma_qwen3_tiny.safetensors (384 kB)

mu, the centroid, F32
  norm          0.3213
  mean element  0.002246
  std element   0.040413
  sha256        0b254f8d4866f436c245e20d5038c49aba3ecf0ada4fbb3a0bfc1c08cd6296d5
  xxh3          4a86de46688d77a3a4ca9065a8a09b61
  file          OUT/gamma_centroid_mu.safetensors (256 B)

gamma' = gamma - mu, F32
  mean norm     0.9832
  std norm      0.2648
  min norm      0.0369
  median norm   0.9849
  max norm      1.8014
  residual      1.31e-08 (norm of the mean row; about 0)
  xxh3          7d39c43bd95e914bd8ff27de433baadf
  file          OUT/gamma_centered_qwen3_tiny.safetensors (384 kB)

TIME on cpu with 2 threads; 384 kB read, 769 kB written
)");
}

}  // namespace
}  // namespace gamma_extract
