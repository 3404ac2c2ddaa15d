#include "gamma_extract/reference.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "expect_fault.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::write_file;

const StopFlag no_stop;

std::vector<std::string> names_of(const Reference& reference) {
  std::vector<std::string> names;
  for (const Reference::Figure& figure : reference.figures) names.push_back(figure.name);
  return names;
}

std::vector<std::string> names_of(const std::string& json) {
  return names_of(parse_reference(json, "ref.json"));
}

Reference::Figure figure_of(const std::string& number) {
  return parse_reference(R"({"centroid": {"norm": )" + number + "}}", "ref.json").figures.at(0);
}

std::string message_of(const std::string& json) {
  try {
    parse_reference(json, "ref.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(ReferenceTest, AHandWrittenLine) {
  const Reference reference = parse_reference(R"({"centroid": {"norm": 0.3048}})", "ref.json");
  EXPECT_EQ(reference.name, "ref.json");
  EXPECT_FALSE(reference.is_report);
  EXPECT_EQ(reference.gamma_dtype, std::nullopt);
  ASSERT_EQ(reference.figures.size(), 1U);
  EXPECT_EQ(reference.figures[0].name, "centroid.norm");
  EXPECT_EQ(reference.figures[0].value, ReportValue(0.3048));
  EXPECT_EQ(reference.figures[0].unit, 0.0001);
}

TEST(ReferenceTest, TheUnitIsOneOfTheLastDigitWritten) {
  const auto unit = [](const std::string& number) { return figure_of(number).unit; };
  EXPECT_EQ(unit("0.3048"), 1e-4);
  EXPECT_EQ(unit("0.30480"), 1e-5);
  EXPECT_EQ(unit("-0.000026"), 1e-6);
  EXPECT_EQ(unit("3.95e-08"), 1e-10);
  EXPECT_EQ(unit("3.95E-08"), 1e-10);
  EXPECT_EQ(unit("1e3"), 1e3);
  EXPECT_EQ(unit("1.50e+2"), 1.0);
  EXPECT_EQ(unit("1.5e2"), 10.0);
  EXPECT_EQ(unit("0.0"), 0.1);
  EXPECT_EQ(unit("0"), 1.0);
  EXPECT_EQ(unit("1200"), 1.0);
  EXPECT_EQ(unit("-12"), 1.0);
  EXPECT_EQ(unit("123456789012345678901234567890"), 1.0);
  EXPECT_EQ(unit("1e-400"), 0.0);
}

TEST(ReferenceTest, WhatIsCompared) {
  EXPECT_THAT(
      names_of(R"({"hidden_size": 64, "vocab_size": 1500,
                   "gamma": {"bytes": 8, "data_xxh3": "00", "std_norm": null},
                   "centroid": {"sha256": "aa", "mean": 0.5},
                   "centered": {"residual_norm": 1e-8}})"),
      ElementsAre("hidden_size", "vocab_size", "gamma.bytes", "gamma.data_xxh3", "gamma.std_norm",
                  "centroid.sha256", "centroid.mean", "centered.residual_norm"));
}

TEST(ReferenceTest, WhatIsNotCompared) {
  EXPECT_THAT(
      names_of(R"({"schema": 1, "version": "9", "model": "m", "revision": null, "tied": true,
                   "nonfinite": 7, "seconds": 1.5, "output_scaling": {"logit_scale": 2},
                   "check": {"compared": [{"expected": 1}]}, "warnings": ["w"],
                   "gamma.mean_norm": 1, "centroid.norm": 2,
                   "gamma": {"path": "p", "dtype": "F32", "comment": "c", "good": true},
                   "centroid": {"path": null}, "centered": {"dtype": null, "mean_norm": 1}})"),
      ElementsAre("centered.mean_norm"));
}

TEST(ReferenceTest, WhatTheRunWillNotHaveIsKept) {
  EXPECT_THAT(
      names_of(R"({"gamma": {"mean_nrom": 1, "sha256": "aa", "norms": {"mean": 2, "all":
                           [3, null]}}, "centroid": 4, "vocab_size": {"rows": 5}})"),
      ElementsAre("gamma.mean_nrom", "gamma.sha256", "gamma.norms.mean", "gamma.norms.all.[]",
                  "gamma.norms.all.[]", "centroid", "vocab_size.rows"));
}

TEST(ReferenceTest, AReportSaysItsSchemaAndGammasDtype) {
  const Reference reference =
      parse_reference(R"({"schema": 1, "gamma": {"dtype": "BF16", "bytes": 8}})", "ref.json");
  EXPECT_TRUE(reference.is_report);
  EXPECT_EQ(reference.gamma_dtype, "BF16");
  // Neither of these is what it looks like.
  const Reference other =
      parse_reference(R"({"a": {"schema": 2}, "gamma.dtype": "F16", "vocab_size": 8})", "ref.json");
  EXPECT_FALSE(other.is_report);
  EXPECT_EQ(other.gamma_dtype, std::nullopt);
}

TEST(ReferenceTest, AnotherSchemaIsRefused) {
  for (const std::string schema : {"2", "0", "1.5", "null", "\"1\"", "true"}) {
    EXPECT_FAULT(parse_reference(R"({"vocab_size": 1, "schema": )" + schema + "}", "ref.json"),
                 check_reference_invalid);
  }
  EXPECT_THAT(message_of(R"({"vocab_size": 1, "schema": 2})"), HasSubstr("its schema is 2"));
}

TEST(ReferenceTest, HashesAreInLowerCase) {
  const Reference reference =
      parse_reference(R"({"centroid": {"sha256": "0123ABCDEF"}})", "ref.json");
  EXPECT_EQ(reference.figures.at(0).value, ReportValue("0123abcdef"));
}

TEST(ReferenceTest, CountsStayIntegers) {
  EXPECT_EQ(figure_of("151936").value, ReportValue(std::uint64_t{151936}));
  EXPECT_EQ(figure_of("-1").value, ReportValue(-1.0));
}

TEST(ReferenceTest, WhatIsNoJsonObjectIsRefused) {
  for (const std::string text :
       {"", " ", "{", "[1]", "1", "\"gamma\"", "null", "{\"vocab_size\": 1}}", "{'vocab_size': 1}",
        "{\"gamma\": {\"mean_norm\": NaN}}", "{\"gamma\": {\"mean_norm\": 1e999}}",
        "{\"gamma\": {\"mean_norm\": 01}}", "{\"gamma\": {\"mean_norm\": .5}}",
        "{\"vocab_size\": 1, \"vocab_size\": 1}", "{\"gamma\": {\"a\": 1, \"a\": 1}}",
        "{\"vocab_size\": 1, \"a\": \"\xff\"}"}) {
    EXPECT_FAULT(parse_reference(text, "ref.json"), check_reference_invalid);
  }
  EXPECT_FAULT(parse_reference(std::string("{\"vocab_size\": 1}\0", 18), "ref.json"),
               check_reference_invalid);
  std::string deep = R"({"vocab_size": 1, "a": )";
  deep.append(200, '[').append(200, ']').append("}");
  EXPECT_FAULT(parse_reference(deep, "ref.json"), check_reference_invalid);
}

TEST(ReferenceTest, TextInPlaceOfANumberIsRefused) {
  EXPECT_FAULT(parse_reference(R"({"centroid": {"norm": "0.3048"}})", "r"),
               check_reference_invalid);
  EXPECT_FAULT(parse_reference(R"({"vocab_size": true})", "r"), check_reference_invalid);
  EXPECT_FAULT(parse_reference(R"({"centroid": {"sha256": 7}})", "r"), check_reference_invalid);
  EXPECT_FAULT(parse_reference(R"({"gamma": {"data_xxh3": false}})", "r"), check_reference_invalid);
  EXPECT_THAT(message_of(R"({"centroid": {"norm": "0.3048"}})"),
              HasSubstr("ref.json: centroid.norm is text, not a number; "));
}

TEST(ReferenceTest, NothingToCompareIsRefused) {
  for (const std::string text :
       {"{}", R"({"schema": 1})", R"({"norm": 0.3048})", R"({"centroid": {}})",
        R"({"centroid": {"path": null}})", R"({"gamma": "a"})", R"({"seconds": 1})",
        R"({"centroid.norm": 0.3048})", R"({"tensors": [{"bytes": 1}]})"}) {
    EXPECT_FAULT(parse_reference(text, "ref.json"), check_reference_empty);
  }
  EXPECT_THAT(message_of("{}"), HasSubstr("ref.json: it has nothing to compare"));
}

TEST(ReferenceTest, TheNotebooksFiguresAreBuiltIn) {
  const Reference reference = load_reference("01.1a", no_stop);
  EXPECT_EQ(reference.name, "01.1a");
  EXPECT_FALSE(reference.is_report);
  struct Printed {
    const char* name;
    ReportValue value;
    double unit;
  };
  const std::vector<Printed> expected{
      {"vocab_size", std::uint64_t{151936}, 1}, {"hidden_size", std::uint64_t{2560}, 1},
      {"centroid.norm", 0.3048, 1e-4},          {"centroid.mean", -0.000026, 1e-6},
      {"centroid.std", 0.006025, 1e-6},         {"centered.mean_norm", 1.0401, 1e-4},
      {"centered.std_norm", 0.1889, 1e-4},      {"centered.residual_norm", 3.95e-08, 1e-10}};
  ASSERT_EQ(reference.figures.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(reference.figures[i].name, expected[i].name);
    EXPECT_EQ(reference.figures[i].value, expected[i].value) << expected[i].name;
    EXPECT_EQ(reference.figures[i].unit, expected[i].unit) << expected[i].name;
  }
}

TEST(ReferenceTest, TheBuiltInOneComesBeforeAFileOfThatName) {
  const TemporaryDirectory directory;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  write_file(directory / "01.1a", R"({"vocab_size": 1})");
  const Reference built_in = load_reference("01.1a", no_stop);
  const Reference file = load_reference("./01.1a", no_stop);
  std::filesystem::current_path(before);
  EXPECT_EQ(built_in.figures.size(), 8U);
  EXPECT_THAT(names_of(file), ElementsAre("vocab_size"));
}

TEST(ReferenceTest, AFileIsRead) {
  const TemporaryDirectory directory;
  const std::string file = (directory / "ref.json").string();
  // Longer than a block.
  write_file(file, R"({"a": ")" + std::string(10000, 'a') + R"(", "vocab_size": 1})");
  EXPECT_THAT(names_of(load_reference(file, no_stop)), ElementsAre("vocab_size"));
}

TEST(ReferenceTest, APipeIsRead) {
  const TemporaryDirectory directory;
  const std::string pipe = (directory / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&pipe] { write_file(pipe, R"({"vocab_size": 1})"); });
  EXPECT_THAT(names_of(load_reference(pipe, no_stop)), ElementsAre("vocab_size"));
  writer.join();
}

TEST(ReferenceTest, ASignalEndsTheWaitForAPipe) {
  const TemporaryDirectory directory;
  const std::string pipe = (directory / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  static StopFlag stop;
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int signal) {
    stop.request(signal);
    ::alarm(1);  // where the first one came before the wait
  };
  ::sigaction(SIGALRM, &action, &before);
  ::alarm(1);
  EXPECT_THROW(load_reference(pipe, stop), Stopped);
  ::alarm(0);
  ::sigaction(SIGALRM, &before, nullptr);
}

TEST(ReferenceTest, WhatCannotBeReadIsRefused) {
  const TemporaryDirectory directory;
  const std::string there = directory.path().string();
  EXPECT_FAULT(load_reference(there + "/none", no_stop), file_missing);
  EXPECT_FAULT(load_reference(there, no_stop), file_unreadable);
  write_file(directory / "file", "{}");
  EXPECT_FAULT(load_reference(there + "/file/ref.json", no_stop), file_missing);
  std::filesystem::create_symlink("itself", directory / "itself");
  EXPECT_FAULT(load_reference(there + "/itself", no_stop), file_unreadable);
  EXPECT_FAULT(load_reference("/dev/zero", no_stop), check_reference_invalid);
}

}  // namespace
}  // namespace gamma_extract
