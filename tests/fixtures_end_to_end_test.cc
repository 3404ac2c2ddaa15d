#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "expected_report.h"
#include "extraction.h"

// Every fixture through the real program, against what transformers, torch, safetensors, numpy and
// exact integers say (tests/oracles): a test for each, so that they can run side by side.

namespace gamma_extract {
namespace {

using testing::expect_refused;
using testing::Json;
using testing::Outcome;
using testing::OutputFiles;
using testing::read_saved;
using testing::run_program;

struct Fixture {
  std::string name;
  Json expected;
};

void PrintTo(const Fixture& fixture, std::ostream* stream) {
  *stream << fixture.name;
}

std::string slug_of(const std::string& name) {
  std::string slug = name;
  std::ranges::replace(slug, '-', '_');
  return slug;
}

std::string test_name(const ::testing::TestParamInfo<Fixture>& info) {
  return slug_of(info.param.name);
}

template <class Predicate>
std::vector<Fixture> fixtures(const std::string& directory, Predicate wanted) {
  std::vector<Fixture> result;
  const std::string text =
      testing::read_file(std::filesystem::path(TEST_DATA) / directory / "expected.json");
  const Json all = Json::parse(text);
  for (const auto& [name, expected] : all.items()) {
    if (wanted(expected)) result.push_back({.name = name, .expected = expected});
  }
  return result;
}

void expect_extraction(const Outcome& outcome, const OutputFiles& files, const Json& expected) {
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string mu = read_saved(files.mu).data;
  testing::expect_report(Json::parse(outcome.out), expected, mu);
  const Json& sha256 = expected.at("data_sha256");
  EXPECT_EQ(Json(testing::sha256_of(read_saved(files.gamma).data)), sha256.at("gamma"));
  EXPECT_EQ(Json(testing::sha256_of(mu)), sha256.at("mu"));
  EXPECT_EQ(Json(testing::sha256_of(read_saved(files.centered).data)), sha256.at("gamma_centered"));
  testing::expect_success(run_program({"verify", files.gamma.parent_path().string()}));
}

/// Expects as many warnings in the report as lines, the same ones.
void expect_warnings(const Outcome& outcome, std::size_t count) {
  const std::vector<std::string> lines = testing::lines_of(outcome, "warning");
  const Json warnings = Json::parse(outcome.out).at("warnings");
  ASSERT_EQ(lines.size(), count) << outcome.err;
  ASSERT_EQ(warnings.size(), count);
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(lines[i], "gamma-extract: warning: " + warnings[i].get<std::string>());
  }
}

bool is_accepted(const Json& expected) {
  return expected.at("refused").is_null();
}

bool is_refused(const Json& expected) {
  return !is_accepted(expected);
}

/// What --allow-nonfinite makes a difference to, or must not.
bool is_accepted_if_allowed(const Json& expected) {
  return is_refused(expected) && expected.at("refused_if_allowed").is_null();
}

bool is_refused_if_allowed(const Json& expected) {
  return !expected.at("refused_if_allowed").is_null();
}

// Checkpoints.

class CheckpointEndToEndTest : public ::testing::TestWithParam<Fixture> {};

TEST_P(CheckpointEndToEndTest, GivesWhatTransformersTakes) {
  const testing::TemporaryDirectory directory;
  const auto& [name, expected] = GetParam();
  const Outcome outcome = run_program({"--model", testing::checkpoint(name).string(), "--out",
                                       (directory / "out").string(), "--json"});
  expect_extraction(outcome, OutputFiles(directory / "out", slug_of(name)), expected);
  expect_warnings(outcome, expected.at("warns").get<bool>() ? 1 : 0);
  EXPECT_EQ(testing::count_entries(directory / "out"), 3U);
}

INSTANTIATE_TEST_SUITE_P(Every, CheckpointEndToEndTest,
                         ::testing::ValuesIn(fixtures("checkpoints", is_accepted)), test_name);

class RefusedCheckpointEndToEndTest : public ::testing::TestWithParam<Fixture> {};

TEST_P(RefusedCheckpointEndToEndTest, ChangesNothingAndNamesTheRemedy) {
  const testing::TemporaryDirectory directory;
  const std::string model = testing::checkpoint(GetParam().name).string();
  const Outcome outcome =
      run_program({"--model", model, "--out", (directory / "out").string(), "--json"});
  expect_refused(outcome, 3, {model, "--tensor model.embed_tokens.weight"});
  EXPECT_FALSE(std::filesystem::exists(directory / "out"));
}

INSTANTIATE_TEST_SUITE_P(Every, RefusedCheckpointEndToEndTest,
                         ::testing::ValuesIn(fixtures("checkpoints", is_refused)), test_name);

TEST(WarningEndToEndTest, HeadAndEmbeddingThatDifferThoughTied) {
  for (const std::string name : {"both-different-tied", "both-different-tied-sharded"}) {
    SCOPED_TRACE(name);
    const Outcome outcome =
        run_program({"--model", testing::checkpoint(name).string(), "--json", "--quiet"});
    expect_warnings(outcome, 1);
    for (const char* part : {"lm_head.weight", "model.embed_tokens.weight", "differ"}) {
      EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    }
  }
}

TEST(WarningEndToEndTest, RowsOfPadding) {
  const Outcome outcome = run_program(
      {"--model", testing::checkpoint("padding-rows-untied").string(), "--json", "--quiet"});
  expect_warnings(outcome, 1);
  // 41 rows where the config says 37.
  EXPECT_NE(outcome.err.find("4 rows of padding"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("vocab_size 37"), std::string::npos) << outcome.err;
}

// Matrices of hostile values, each the tensor `w` of a file.

class HostileEndToEndTest : public ::testing::TestWithParam<Fixture> {
 protected:
  [[nodiscard]] Outcome run(const std::vector<std::string>& further) const {
    std::vector<std::string> arguments{
        "--model", model(), "--tensor", "w", "--out", (directory_ / "out").string(), "--json"};
    arguments.insert(arguments.end(), further.begin(), further.end());
    return run_program(arguments);
  }
  [[nodiscard]] static std::string model() {
    return std::string(TEST_DATA) + "/hostile/" + GetParam().name + ".safetensors";
  }
  [[nodiscard]] std::filesystem::path out() const { return directory_ / "out"; }
  [[nodiscard]] OutputFiles files() const { return {out(), slug_of(GetParam().name)}; }

 private:
  testing::TemporaryDirectory directory_;
};

TEST_P(HostileEndToEndTest, GivesTheExactMean) {
  const Outcome outcome = run({});
  expect_extraction(outcome, files(), GetParam().expected);
  expect_warnings(outcome, 0);
}

INSTANTIATE_TEST_SUITE_P(Every, HostileEndToEndTest,
                         ::testing::ValuesIn(fixtures("hostile", is_accepted)), test_name);

class RefusedHostileEndToEndTest : public HostileEndToEndTest {};

TEST_P(RefusedHostileEndToEndTest, NamesFileTensorAndPlace) {
  const Outcome outcome = run({});
  expect_refused(outcome, 3, {model(), "w"});
  EXPECT_FALSE(std::filesystem::exists(out()));
  const Json& expected = GetParam().expected;
  if (expected.at("refused") == "value_nonfinite") {
    const auto count = expected.at("nonfinite").get<unsigned>();
    expect_refused(outcome, 3,
                   {fmt::format("{} {}", count, count == 1 ? "value is" : "values are"),
                    fmt::format("row {}", expected.at("first_nonfinite_row").get<unsigned>()),
                    "--allow-nonfinite"});
  }
}

INSTANTIATE_TEST_SUITE_P(Every, RefusedHostileEndToEndTest,
                         ::testing::ValuesIn(fixtures("hostile", is_refused)), test_name);

class AllowedNonfiniteEndToEndTest : public HostileEndToEndTest {};

TEST_P(AllowedNonfiniteEndToEndTest, CountsThemWarnsAndLeavesOutWhatTheyTouch) {
  const Outcome outcome = run({"--allow-nonfinite"});
  expect_extraction(outcome, files(), GetParam().expected);
  expect_warnings(outcome, 1);
  EXPECT_EQ(Json::parse(outcome.out).at("nonfinite"), GetParam().expected.at("nonfinite"));
}

INSTANTIATE_TEST_SUITE_P(Every, AllowedNonfiniteEndToEndTest,
                         ::testing::ValuesIn(fixtures("hostile", is_accepted_if_allowed)),
                         test_name);

class RefusedAllTheSameEndToEndTest : public HostileEndToEndTest {};

TEST_P(RefusedAllTheSameEndToEndTest, NamesFileTensorAndPlace) {
  const Outcome outcome = run({"--allow-nonfinite"});
  expect_refused(outcome, 3, {model(), "w"});
  EXPECT_FALSE(std::filesystem::exists(out()));
  const Json& expected = GetParam().expected;
  if (expected.at("refused_if_allowed") == "value_overflow") {
    const Json& place = expected.at("overflow");
    expect_refused(outcome, 3,
                   {fmt::format("row {}", place.at("row").get<unsigned>()),
                    fmt::format("column {}", place.at("column").get<unsigned>())});
  }
}

INSTANTIATE_TEST_SUITE_P(Every, RefusedAllTheSameEndToEndTest,
                         ::testing::ValuesIn(fixtures("hostile", is_refused_if_allowed)),
                         test_name);

}  // namespace
}  // namespace gamma_extract
