// The real program verifies: what it wrote itself, what the notebook wrote, and what is broken.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "extraction.h"
#include "run_program.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::count_entries;
using ::testing::ElementsAre;
using testing::expect_refused;
using testing::expect_success;
using ::testing::HasSubstr;
using testing::Json;
using testing::lines_of;
using testing::Outcome;
using testing::OutputFiles;
using testing::read_file;
using testing::run_program;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::TemporaryDirectory;
using testing::write_file;

class VerifyEndToEndTest : public ::testing::Test {
 protected:
  void extract(std::vector<std::string> options = {}, const std::string& model = "qwen3-tiny") {
    options.insert(options.end(), {"--model", fs::path(PROJECT_DIR) / "examples" / model, "--out",
                                   directory_.path(), "--quiet"});
    expect_success(run_program(options));
  }

  Outcome verify(std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"verify", directory_.path()});
    return run_program(options);
  }

  static void flip(const fs::path& path, std::size_t from_the_end) {
    std::string bytes = read_file(path);
    bytes.at(bytes.size() - from_the_end) ^= 1;
    write_file(path, bytes);
  }

  TemporaryDirectory directory_;
  OutputFiles files_{directory_.path(), "qwen3_tiny"};
};

std::vector<std::string> keys_of(const Json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

TEST_F(VerifyEndToEndTest, WhatTheProgramWritesPasses) {
  for (const std::vector<std::string>& options : {std::vector<std::string>{},
                                                  {"--dtype", "source", "--force"},
                                                  {"--no-metadata", "--force"},
                                                  {"--name", "other", "--force"}}) {
    const TemporaryDirectory directory;
    std::vector<std::string> arguments{"--model", fs::path(PROJECT_DIR) / "examples/qwen3-tiny",
                                       "--out", directory.path(), "--quiet"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    expect_success(run_program(arguments));
    const Outcome outcome = run_program({"verify", directory.path()});
    expect_success(outcome);
    EXPECT_THAT(outcome.out, HasSubstr("\npassed: all "));
    EXPECT_EQ(count_entries(directory.path()), 3U);
  }
}

TEST_F(VerifyEndToEndTest, TheReportForAPerson) {
  extract();
  const Outcome outcome = verify();
  EXPECT_THAT(outcome.out, StartsWith("set               qwen3_tiny\n"
                                      "model             qwen3-tiny\n"
                                      "  files           ok      all three are there\n"));
  EXPECT_THAT(outcome.out, HasSubstr("  shapes          ok      [1500, 64], [64], [1500, 64]\n"));
  EXPECT_THAT(outcome.out,
              HasSubstr("  gamma_centered  ok      gamma - mu in float32, bit for bit\n"
                        "\n"
                        "passed: all 11 checks\n"));
}

TEST_F(VerifyEndToEndTest, TheReportForAProgram) {
  extract();
  const Outcome outcome = verify({"--json"});
  expect_success(outcome);
  const Json json = Json::parse(outcome.out);
  EXPECT_THAT(keys_of(json), ElementsAre("schema", "passed", "sets"));
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["passed"], true);
  ASSERT_THAT(json["sets"], SizeIs(1));
  EXPECT_THAT(keys_of(json["sets"][0]), ElementsAre("slug", "model", "checks"));
  EXPECT_EQ(json["sets"][0]["slug"], "qwen3_tiny");
  EXPECT_EQ(json["sets"][0]["model"], "qwen3-tiny");
  ASSERT_THAT(json["sets"][0]["checks"], SizeIs(11));
  for (const Json& check : json["sets"][0]["checks"]) {
    EXPECT_THAT(keys_of(check), ElementsAre("name", "passed", "detail"));
  }
}

TEST_F(VerifyEndToEndTest, AFailedCheckIsInTheReportAndALineOfItsOwn) {
  extract();
  flip(files_.centered, 1);
  const Outcome outcome = verify();
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("\n  data_xxh3       FAILED  "));
  EXPECT_THAT(outcome.out, HasSubstr("\n  gamma_centered  FAILED  1 of 96000 values "));
  EXPECT_THAT(outcome.out, HasSubstr("\nfailed: 2 of 11 checks\n"));
  const std::vector<std::string> errors = lines_of(outcome, "error");
  ASSERT_THAT(errors, SizeIs(2));
  EXPECT_THAT(errors[0], HasSubstr(directory_.path().string() + ": qwen3_tiny: data_xxh3: "));
  EXPECT_THAT(errors[1], HasSubstr("in row 1499, column 63, is "));

  const Outcome quiet = verify({"-q"});
  EXPECT_EQ(quiet.exit_code, 1);
  EXPECT_EQ(quiet.out, "");
  EXPECT_EQ(quiet.err, outcome.err);

  const Outcome json = verify({"--json", "-q"});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_EQ(Json::parse(json.out)["passed"], false);
}

TEST_F(VerifyEndToEndTest, TheNotebooksOwnFiles) {
  const fs::path notebook = fs::path(TEST_DATA) / "notebook";
  const Json expected = Json::parse(read_file(notebook / "expected.json"));
  const Outcome outcome = run_program({"verify", notebook, "--json"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(lines_of(outcome, "error"), SizeIs(1));
  const Json set = Json::parse(outcome.out)["sets"][0];
  EXPECT_EQ(set["slug"], "notebook");
  EXPECT_EQ(set["model"], nullptr);
  for (const Json& check : set["checks"]) {
    EXPECT_EQ(check["passed"], check["name"] != "mu") << check;
    if (check["name"] != "mu") continue;
    const std::string detail = check["detail"];
    EXPECT_THAT(detail, StartsWith(fmt::format("{} of {} components are not the exact mean",
                                               expected["different"].get<int>(),
                                               expected["components"].get<int>())));
    EXPECT_THAT(detail, HasSubstr(fmt::format("component {}, the farthest",
                                              expected["farthest"].get<int>())));
    EXPECT_THAT(detail, HasSubstr("off by " + expected["off"].get<std::string>() +
                                  ": float32 summation, such as torch's mean, explains it"));
  }
}

TEST_F(VerifyEndToEndTest, NoSet) {
  expect_refused(verify(), 3, {directory_.path().string(), "no set of files", "--out"});
  expect_refused(run_program({"verify", directory_ / "missing"}), 3,
                 {"missing: no such directory"});
  write_file(directory_ / "file", "");
  expect_refused(run_program({"verify", directory_ / "file"}), 3, {"file: it is no directory"});
}

TEST_F(VerifyEndToEndTest, NothingIsWritten) {
  extract();
  fs::permissions(directory_.path(), fs::perms::owner_read | fs::perms::owner_exec);
  expect_success(verify());
  fs::permissions(directory_.path(), fs::perms::owner_all);
  EXPECT_EQ(count_entries(directory_.path()), 3U);
}

TEST_F(VerifyEndToEndTest, WhatMayNotBeReadIsNoVerdict) {
  extract();
  fs::permissions(directory_.path(),
                  fs::perms::owner_all | fs::perms::others_exec | fs::perms::others_read);
  ASSERT_EQ(::chmod(files_.mu.c_str(), ::geteuid() == 0 ? 0600 : 0), 0);
  const auto become_nobody = [] {
    constexpr uid_t nobody = 65534;
    if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(126);
  };
  if (run_program({"--version"}, become_nobody).exit_code != 0) {
    GTEST_SKIP() << "nobody may not run the program in its build folder";
  }
  expect_refused(run_program({"verify", directory_.path()}, become_nobody), 3,
                 {"gamma_centroid_mu.safetensors: cannot open it"});
}

TEST_F(VerifyEndToEndTest, StandardOutputThatIsFull) {
  extract();
  const auto to_full = [] {
    const int full = ::open("/dev/full", O_WRONLY);
    if (full < 0 || ::dup2(full, STDOUT_FILENO) < 0) ::_exit(126);
  };
  EXPECT_EQ(run_program({"verify", directory_.path()}, to_full).exit_code, 4);
}

TEST_F(VerifyEndToEndTest, Usage) {
  expect_refused(run_program({"verify"}), 2, {"DIR: missing or empty", "verify --help"});
  expect_refused(run_program({"verify", ""}), 2, {"DIR: missing or empty"});
  expect_refused(run_program({"verify", "a", "b"}), 2, {"'b': unexpected argument"});
  expect_refused(run_program({"verify", "a", "--out", "b"}), 2, {"--out: unknown option"});
  expect_refused(run_program({"verify", "a", "--threads", "0"}), 2, {"--threads 0"});
  expect_refused(run_program({"verfy", "a"}), 2, {"did you mean verify?"});
  expect_refused(run_program({"--json", "verify", "a"}), 2, {"a command stands first"});
  const Outcome help = run_program({"verify", "--help"});
  expect_success(help);
  EXPECT_THAT(help.out, StartsWith("Usage: gamma-extract verify DIR"));
}

}  // namespace
}  // namespace gamma_extract
