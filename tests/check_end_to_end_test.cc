#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "extraction.h"
#include "safetensors_file.h"

// --check, from the file to the exit code.

namespace gamma_extract {
namespace {

using testing::expect_refused;
using testing::expect_success;
using ::testing::HasSubstr;
using testing::Json;
using testing::lines_of;
using testing::Outcome;
using testing::OutputFiles;
using testing::run_program;
using testing::TemporaryDirectory;
using testing::write_file;

const std::string example = std::string(PROJECT_DIR) + "/examples/qwen3-tiny";

/// What NumPy and exact integers found in the example: a report's figures without a schema.
const std::string example_reference =
    std::string(PROJECT_DIR) + "/examples/qwen3-tiny.reference.json";

class CheckEndToEndTest : public ::testing::Test {
 protected:
  /// The path of a reference of this content.
  std::string reference(const std::string& content) {
    const auto path = directory_ / "ref.json";
    write_file(path, content);
    return path.string();
  }

  Outcome check(const std::string& content, std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"--model", example, "--check", reference(content)});
    return run_program(options);
  }

  TemporaryDirectory directory_;
};

/// One figure of the example as it rounds to its digits, the digits around it, and what is off by
/// two in the last digit of the right one.
struct Printed {
  std::string part, key, right, below, above;
};

const std::vector<Printed> printed{{"centroid", "norm", "0.3213", "0.3211", "0.3215"},
                                   {"centroid", "mean", "0.002246", "0.002244", "0.002248"},
                                   {"centroid", "std", "0.040413", "0.040411", "0.040415"},
                                   {"gamma", "mean_norm", "1.0409", "1.0407", "1.0411"},
                                   {"gamma", "std_norm", "0.2378", "0.2376", "0.2380"},
                                   {"gamma", "min_norm", "0.3447", "0.3445", "0.3449"},
                                   {"gamma", "median_norm", "1.0349", "1.0347", "1.0351"},
                                   {"gamma", "max_norm", "1.8488", "1.8486", "1.8490"},
                                   {"centered", "mean_norm", "0.9832", "0.9830", "0.9834"},
                                   {"centered", "std_norm", "0.2648", "0.2646", "0.2650"},
                                   {"centered", "min_norm", "0.0369", "0.0367", "0.0371"},
                                   {"centered", "median_norm", "0.9849", "0.9847", "0.9851"},
                                   {"centered", "max_norm", "1.8014", "1.8012", "1.8016"}};

std::string line_of(const Printed& figure, const std::string& number) {
  return "{\"" + figure.part + "\": {\"" + figure.key + "\": " + number + "}}";
}

TEST_F(CheckEndToEndTest, FiguresAsTheyArePrintedPass) {
  for (const Printed& figure : printed) {
    const Outcome outcome = check(line_of(figure, figure.right));
    expect_success(outcome);
    EXPECT_THAT(outcome.out, HasSubstr("ref.json: passed\n")) << figure.part << figure.key;
    EXPECT_EQ(outcome.err, "");
  }
}

TEST_F(CheckEndToEndTest, OffByTwoInTheLastDigitFailsAndNamesTheFigure) {
  for (const Printed& figure : printed) {
    for (const std::string& number : {figure.below, figure.above}) {
      const Outcome outcome = check(line_of(figure, number));
      EXPECT_EQ(outcome.exit_code, 1);
      EXPECT_THAT(outcome.out, HasSubstr("ref.json: FAILED\n"));
      const std::vector<std::string> errors = lines_of(outcome, "error");
      ASSERT_EQ(errors.size(), 1U);
      EXPECT_THAT(errors[0], HasSubstr("ref.json: " + figure.part + "." + figure.key +
                                       " of model.embed_tokens.weight is "));
      const double expected = std::stod(number);
      EXPECT_THAT(errors[0], HasSubstr(fmt::format(", not {} (tolerance ", expected)));
    }
  }
}

TEST_F(CheckEndToEndTest, FiguresThatNumpyFoundPass) {
  const Outcome outcome = run_program({"--model", example, "--check", example_reference, "--json"});
  expect_success(outcome);
  const Json result = Json::parse(outcome.out).at("check");
  EXPECT_EQ(result.at("reference"), example_reference);
  EXPECT_EQ(result.at("passed"), true);
  EXPECT_GT(result.at("compared").size(), 10U);
}

TEST_F(CheckEndToEndTest, ASavedReportPassesWhateverHappensToItsLayout) {
  const Outcome saved = run_program({"--model", example, "--json", "--threads", "1"});
  expect_success(saved);
  const Json report = Json::parse(saved.out);
  const std::string sorted = nlohmann::json::parse(saved.out).dump();
  const Json part{{"centroid", report.at("centroid")}};
  for (const std::string& content : {saved.out, report.dump(), sorted, part.dump()}) {
    const Outcome outcome = check(content, {"--json", "--threads", "2"});
    expect_success(outcome);
    const Json result = Json::parse(outcome.out);
    for (const Json& comparison : result.at("check").at("compared")) {
      EXPECT_EQ(comparison.at("passed"), true) << comparison;
    }
  }
}

TEST_F(CheckEndToEndTest, JsonHasTheComparisons) {
  const Outcome outcome =
      check(R"({"vocab_size": 1501, "centroid": {"norm": 0.3213, "maen": 1}})", {"--json"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(lines_of(outcome, "error").size(), 2U);
  const Json report = Json::parse(outcome.out);
  const Json norm = report.at("centroid").at("norm");
  EXPECT_EQ(report.at("check"), (Json{{"reference", (directory_ / "ref.json").string()},
                                      {"passed", false},
                                      {"compared",
                                       {{{"name", "vocab_size"},
                                         {"expected", 1501},
                                         {"actual", 1500},
                                         {"tolerance", 0.0},
                                         {"passed", false}},
                                        {{"name", "centroid.norm"},
                                         {"expected", 0.3213},
                                         {"actual", norm},
                                         {"tolerance", 0.0001},
                                         {"passed", true}},
                                        {{"name", "centroid.maen"},
                                         {"expected", 1},
                                         {"actual", nullptr},
                                         {"tolerance", nullptr},
                                         {"passed", false}}}}}));
}

TEST_F(CheckEndToEndTest, QuietLeavesTheDifferencesAndTheCode) {
  const Outcome failed = check(R"({"vocab_size": 1501})", {"-q"});
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_EQ(failed.out, "");
  EXPECT_EQ(lines_of(failed, "error").size(), 1U);
  const Outcome passed = check(R"({"vocab_size": 1500})", {"-q"});
  expect_success(passed);
  EXPECT_EQ(passed.out, "");
  EXPECT_EQ(passed.err, "");
}

TEST_F(CheckEndToEndTest, AFailedCheckWritesTheFilesAllTheSame) {
  const std::string out = (directory_ / "out").string();
  const Outcome outcome = check(R"({"vocab_size": 1501})", {"--out", out});
  EXPECT_EQ(outcome.exit_code, 1);
  const std::string plain = (directory_ / "plain").string();
  expect_success(run_program({"--model", example, "--out", plain}));
  EXPECT_EQ(OutputFiles(out, "qwen3_tiny").bytes(), OutputFiles(plain, "qwen3_tiny").bytes());
}

TEST_F(CheckEndToEndTest, WithoutOutNothingIsWritten) {
  const std::string file = reference(R"({"vocab_size": 1500})");
  const TemporaryDirectory empty;
  expect_success(run_program({"--model", example, "--check", file},
                             [&] { EXPECT_EQ(::chdir(empty.path().c_str()), 0); }));
  EXPECT_EQ(testing::count_entries(empty.path()), 0U);
}

TEST_F(CheckEndToEndTest, GammaAsStoredPassesAgainstGammaAsFloat32) {
  const Outcome stored = run_program({"--model", example, "--json", "--dtype", "source"});
  expect_success(stored);
  expect_success(check(stored.out));
  expect_success(check(stored.out, {"--dtype", "source"}));
  Json report = Json::parse(stored.out);
  report["gamma"]["dtype"] = "F32";
  const Outcome mislabelled = check(report.dump());
  EXPECT_EQ(mislabelled.exit_code, 1);
  const std::vector<std::string> errors = lines_of(mislabelled, "error");
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_THAT(errors[0], HasSubstr("gamma.bytes"));
  EXPECT_THAT(errors[1], HasSubstr("gamma.data_xxh3"));
}

TEST_F(CheckEndToEndTest, AnotherMatrixFails) {
  const Outcome other = run_program(
      {"--model", example, "--json", "--tensor", "model.layers.0.mlp.down_proj.weight"});
  ASSERT_EQ(other.exit_code, 0);
  const Outcome outcome = check(other.out);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_GT(lines_of(outcome, "error").size(), 10U);
}

TEST_F(CheckEndToEndTest, TheExampleIsNotTheNotebooksModel) {
  const Outcome outcome = run_program({"--model", example, "--check", "01.1a", "-q"});
  EXPECT_EQ(outcome.exit_code, 1);
  // Of the eight that the notebook prints; the residual is bounded from above only.
  EXPECT_EQ(lines_of(outcome, "error").size(), 7U);
}

TEST_F(CheckEndToEndTest, TheBuiltInReferenceComesBeforeAFileOfItsName) {
  write_file(directory_ / "01.1a", R"({"vocab_size": 1500})");
  const auto there = [&] { EXPECT_EQ(::chdir(directory_.path().c_str()), 0); };
  EXPECT_EQ(run_program({"--model", example, "--check", "01.1a", "-q"}, there).exit_code, 1);
  expect_success(run_program({"--model", example, "--check", "./01.1a", "-q"}, there));
}

TEST_F(CheckEndToEndTest, APipeIsAReference) {
  const std::string pipe = (directory_ / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { write_file(pipe, R"({"vocab_size": 1500})"); });
  expect_success(run_program({"--model", example, "--check", pipe}));
  writer.join();
}

TEST_F(CheckEndToEndTest, ABadReferenceIsRefusedBeforeAnyWork) {
  const std::string out = (directory_ / "new" / "out").string();
  // The model is missing too, but that is found later.
  const auto refused = [&](const std::string& file, std::string_view why) {
    expect_refused(run_program({"--model", example, "--out", out, "--check", file}), 3,
                   {file, why});
    expect_refused(run_program({"--model", "no-such-model", "--check", file}), 3, {file, why});
    EXPECT_FALSE(std::filesystem::exists(directory_ / "new"));
  };
  refused((directory_ / "none.json").string(), "no such reference");
  refused(directory_.path().string(), "Is a directory");
  refused(reference("{"), "not valid JSON");
  refused(reference(""), "not valid JSON");
  refused(reference("[]"), "not an object");
  refused(reference("{}"), "nothing to compare");
  refused(reference(R"({"model": "m", "seconds": 1})"), "nothing to compare");
  refused(reference(R"({"vocab_size": 1500, "schema": 2})"), "schema is 2");
  refused(reference(R"({"centroid": {"norm": "0.3213"}})"), "centroid.norm is text");
  if (::geteuid() != 0) {
    const std::string file = reference("{}");
    ASSERT_EQ(::chmod(file.c_str(), 0), 0);
    refused(file, "Permission denied");
  }
}

TEST_F(CheckEndToEndTest, AReferenceOfAnotherGammaAloneIsRefusedBeforeAnyWork) {
  const std::string out = (directory_ / "new" / "out").string();
  expect_refused(check(R"({"gamma": {"dtype": "BF16", "bytes": 192000}})", {"--out", out}), 3,
                 {"nothing to compare", "BF16", "F32"});
  EXPECT_FALSE(std::filesystem::exists(directory_ / "new"));
  expect_success(check(R"({"gamma": {"dtype": "BF16", "bytes": 192000}})", {"--dtype", "source"}));
}

TEST_F(CheckEndToEndTest, UndefinedFiguresMatchUndefinedOnes) {
  const std::string file = (directory_ / "one.safetensors").string();
  testing::write_safetensors(file, {{.name = "row", .shape = {1, 2}}});
  const std::vector<std::string> run{"--model", file, "--tensor", "row"};
  const auto with = [&run](std::vector<std::string> options) {
    options.insert(options.end(), run.begin(), run.end());
    return run_program(options);
  };
  const Outcome saved = with({"--json"});
  expect_success(saved);
  EXPECT_TRUE(Json::parse(saved.out).at("gamma").at("std_norm").is_null());
  expect_success(with({"--check", reference(saved.out)}));
  expect_success(with({"--check", reference(R"({"gamma": {"std_norm": null}})")}));
  EXPECT_EQ(with({"--check", reference(R"({"gamma": {"std_norm": 0}})")}).exit_code, 1);
  EXPECT_EQ(with({"--check", reference(R"({"gamma": {"mean_norm": null}})")}).exit_code, 1);
}

}  // namespace
}  // namespace gamma_extract
