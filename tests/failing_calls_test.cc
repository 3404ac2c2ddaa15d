// The real program where system calls fail, or a signal comes with them: strace injects both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "run_program.h"
#include "seeded_checkpoint.h"
#include "snapshot.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using testing::names_in;
using testing::Outcome;
using testing::Program;
using testing::read_file;
using testing::run_program;
using testing::snapshot;
using ::testing::StartsWith;
using testing::TemporaryDirectory;
using ::testing::UnorderedElementsAreArray;
using testing::write_seeded_checkpoint;

const std::vector<std::string> file_names{
    "gamma_model.safetensors", "gamma_centroid_mu.safetensors", "gamma_centered_model.safetensors"};

fs::path find_strace() {
  for (const char* path : {"/usr/bin/strace", "/usr/local/bin/strace", "/bin/strace"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

void no_leak_check() {
  ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // it cannot work in a traced process
}

class FailingCallsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (strace_.empty()) GTEST_SKIP() << "needs strace";
    if (Program(strace_, {"-o", "/dev/null", "true"}).wait().exit_code != 0) {
      GTEST_SKIP() << "needs the right to trace a process";
    }
    write_seeded_checkpoint(model_, 64, 1);
  }

  [[nodiscard]] std::vector<std::string> arguments(std::vector<std::string> more = {}) const {
    std::vector<std::string> all{"--model", model_.string(), "--out", out_.string(), "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  /// Runs the program under strace, with these options of strace's.
  [[nodiscard]] Outcome run_traced(std::vector<std::string> options,
                                   const std::vector<std::string>& more) const {
    options.insert(options.end(), {"-f", "-o", (directory_ / "trace").string(), PROGRAM});
    const std::vector<std::string> own = arguments(more);
    options.insert(options.end(), own.begin(), own.end());
    return Program(strace_, options, no_leak_check).wait();
  }

  /// Runs the program where `call` fails as `injection` says (strace(1)).
  [[nodiscard]] Outcome run_failing(const std::string& call, const std::string& injection,
                                    const std::vector<std::string>& more = {}) const {
    const Outcome outcome = run_traced(
        {"--seccomp-bpf", "-e", "trace=" + call, "-e", "inject=" + call + ":" + injection}, more);
    EXPECT_THAT(trace(), HasSubstr("INJECTED")) << "the moment was not met";
    return outcome;
  }

  /// The calls that were traced.
  [[nodiscard]] std::string trace() const { return read_file(directory_ / "trace"); }

  /// The same file names with other values.
  void write_old_files() {
    const fs::path model = std::exchange(model_, directory_ / "old" / "model");
    write_seeded_checkpoint(model_, 64, 2);
    EXPECT_EQ(run_program(arguments()).exit_code, 0);
    model_ = model;
  }

  void expect_failure(const Outcome& outcome) const {
    EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
    EXPECT_THAT(outcome.err, StartsWith("gamma-extract: error: " + out_.string()));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }

  [[nodiscard]] std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> files;
    for (const auto& name : file_names) files[name] = read_file(out_ / name);
    return files;
  }

  TemporaryDirectory directory_;
  fs::path strace_ = find_strace();
  fs::path model_ = directory_ / "model";
  fs::path out_ = directory_ / "new" / "out";
};

// Renames: the first, the second and the third.

class FailingRenameTest : public FailingCallsTest, public ::testing::WithParamInterface<int> {
 protected:
  [[nodiscard]] Outcome run_failing_rename(const std::vector<std::string>& more = {}) const {
    return run_failing("renameat2", "error=EIO" + when(), more);
  }

  /// Runs the program and sends it the signal with the rename.
  [[nodiscard]] Outcome run_signalled(const std::string& signal,
                                      const std::vector<std::string>& more = {}) const {
    // Without --seccomp-bpf, with which strace sends no signals.
    return run_traced({"-e", "trace=renameat2", "-e", "inject=renameat2:signal=" + signal + when()},
                      more);
  }

 private:
  static std::string when() { return ":when=" + std::to_string(GetParam()); }
};

TEST_P(FailingRenameTest, OldFilesComeBackAfterAnError) {
  write_old_files();
  const auto before = snapshot(out_);
  expect_failure(run_failing_rename({"--force"}));
  EXPECT_TRUE(snapshot(out_) == before);
}

TEST_P(FailingRenameTest, NothingIsLeftAfterAnError) {
  expect_failure(run_failing_rename());
  EXPECT_FALSE(fs::exists(out_.parent_path()));
}

TEST_P(FailingRenameTest, OldFilesComeBackAfterASignal) {
  write_old_files();
  const auto before = snapshot(out_);
  EXPECT_EQ(run_signalled("SIGINT", {"--force"}).signal, SIGINT);
  EXPECT_TRUE(snapshot(out_) == before);
}

TEST_P(FailingRenameTest, NothingIsLeftAfterASignal) {
  EXPECT_EQ(run_signalled("SIGINT").signal, SIGINT);
  EXPECT_FALSE(fs::exists(out_.parent_path()));
}

TEST_P(FailingRenameTest, EachNameHoldsACompleteFileAfterAKill) {
  EXPECT_EQ(run_program(arguments()).exit_code, 0);
  const auto new_files = files();
  fs::remove_all(out_);
  write_old_files();
  const auto old_files = files();
  EXPECT_EQ(run_signalled("SIGKILL", {"--force"}).signal, SIGKILL);
  int replaced = 0;
  for (const auto& [name, content] : files()) {
    replaced += content == new_files.at(name) ? 1 : 0;
    EXPECT_TRUE(content == old_files.at(name) || content == new_files.at(name)) << name;
  }
  EXPECT_THAT(replaced, AnyOf(GetParam() - 1, GetParam())) << "the moment was not met";
  const Outcome next = run_program(arguments({"--force"}));
  EXPECT_EQ(next.exit_code, 0) << next.err;
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
  EXPECT_TRUE(files() == new_files);
}

INSTANTIATE_TEST_SUITE_P(Renames, FailingRenameTest, ::testing::Values(1, 2, 3));

// Other calls.

struct FailingCall {
  std::string name;
  std::string call;
  std::string injection;
  std::string option;
};

void PrintTo(const FailingCall& call, std::ostream* out) {
  *out << call.call << ":" << call.injection;
}

class FailingWriteTest : public FailingCallsTest,
                         public ::testing::WithParamInterface<FailingCall> {};

TEST_P(FailingWriteTest, NothingIsLeft) {
  const auto& [name, call, injection, option] = GetParam();
  const Outcome outcome = run_failing(call, injection, {option});
  expect_failure(outcome);
  const bool is_full = injection.find("ENOSPC") != std::string::npos;
  EXPECT_THAT(outcome.err, HasSubstr(is_full ? "the disk is full" : "Input/output error"));
  EXPECT_FALSE(fs::exists(out_.parent_path()));
}

INSTANTIATE_TEST_SUITE_P(
    Calls, FailingWriteTest,
    ::testing::Values(FailingCall{"FullDisk", "pwrite64", "error=ENOSPC:when=1", "--quiet"},
                      FailingCall{"BadDisk", "pwrite64", "error=EIO:when=2", "--quiet"},
                      FailingCall{"Reserving", "fallocate", "error=ENOSPC:when=2", "--quiet"},
                      FailingCall{"Syncing", "fsync", "error=EIO:when=2", "--fsync"},
                      FailingCall{"SyncingTheDirectory", "fsync", "error=EIO:when=4", "--fsync"}),
    [](const auto& info) { return info.param.name; });

TEST_F(FailingCallsTest, SpaceNeedNotBeReserved) {
  const Outcome outcome = run_failing("fallocate", "error=EOPNOTSUPP");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
}

TEST_F(FailingCallsTest, MissingLocksAreWarnedOf) {
  const Outcome outcome = run_failing("flock", "error=ENOLCK");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, StartsWith("gamma-extract: warning: " + out_.string()));
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
}

TEST_F(FailingCallsTest, InterruptedWritesAreDoneAgain) {
  EXPECT_EQ(run_program(arguments()).exit_code, 0);
  const auto expected = files();
  fs::remove_all(out_.parent_path());
  const Outcome outcome = run_failing("pwrite64,fallocate", "error=EINTR:when=1");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(files() == expected);
}

TEST_F(FailingCallsTest, FilesAreOnTheDiskBeforeTheyGetTheirNames) {
  const Outcome outcome = run_traced({"--seccomp-bpf", "-e", "trace=fsync,renameat2"}, {"--fsync"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::string order;
  const std::string calls = trace();
  for (std::size_t line = 0; line < calls.size(); line = calls.find('\n', line) + 1) {
    const std::string text = calls.substr(line, calls.find('\n', line) - line);
    if (text.find(" fsync(") != std::string::npos) order += 's';
    if (text.find(" renameat2(") != std::string::npos) order += 'r';
  }
  // Three files; their names; the directory, and the two parents of what was created.
  EXPECT_EQ(order, "sssrrrsss");
}

}  // namespace
}  // namespace gamma_extract
