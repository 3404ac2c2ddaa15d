// The real program where a system call that writes its files fails.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "extraction.h"
#include "snapshot.h"
#include "traced_extraction.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::expect_refused;
using testing::file_names;
using ::testing::HasSubstr;
using testing::lines_of;
using testing::names_in;
using testing::Outcome;
using testing::snapshot;
using ::testing::UnorderedElementsAreArray;

using FailingCallsTest = testing::TracedExtractionTest;

struct FailingCall {
  std::string name;
  testing::Injection injection;
  std::string text;
  std::string option = "--quiet";
};

void PrintTo(const FailingCall& call, std::ostream* out) {
  *out << call.injection.call << ":" << call.injection.how;
}

class FailingWriteTest : public FailingCallsTest,
                         public ::testing::WithParamInterface<FailingCall> {
 protected:
  void expect_failure(const std::vector<std::string>& more) const {
    const auto& [name, injection, text, option] = GetParam();
    std::vector<std::string> options{option};
    options.insert(options.end(), more.begin(), more.end());
    expect_refused(run_injected({injection}, options), 4, {"error: " + out_.string(), text});
  }
};

TEST_P(FailingWriteTest, NothingIsLeft) {
  expect_failure({});
  EXPECT_FALSE(fs::exists(out_.parent_path()));
}

TEST_P(FailingWriteTest, OldFilesStay) {
  write_old_files();
  const auto before = snapshot(out_);
  expect_failure({"--force"});
  EXPECT_TRUE(snapshot(out_) == before);
}

constexpr const char* full = "the disk is full";
constexpr const char* bad = "Input/output error";

// Reserving comes after the look at what is free: somebody else may have filled the disk since.
INSTANTIATE_TEST_SUITE_P(
    Calls, FailingWriteTest,
    ::testing::Values(
        FailingCall{"Reserving", {"fallocate", "error=ENOSPC:when=2"}, full},
        FailingCall{"FullDisk", {"pwrite64", "error=ENOSPC:when=1"}, full},
        FailingCall{"Quota", {"pwrite64", "error=EDQUOT:when=1"}, "the disk quota is used up"},
        FailingCall{"FileLimit", {"pwrite64", "error=EFBIG:when=2"}, "ulimit -f"},
        FailingCall{"BadDisk", {"pwrite64", "error=EIO:when=2"}, bad},
        FailingCall{"Syncing", {"fsync", "error=EIO:when=2"}, bad, "--fsync"},
        FailingCall{"SyncingTheDirectory", {"fsync", "error=EIO:when=4"}, bad, "--fsync"}),
    [](const auto& info) { return info.param.name; });

/// Some file systems tell only at closing that what was written is not there (NFS, quotas).
class FailingCloseTest : public FailingCallsTest, public ::testing::WithParamInterface<int> {
 protected:
  // Others close libraries.
  FailingCloseTest() { all_threads_ = false; }

  /// Lets the closing of the staged file fail, over what `set_up` makes, and expects to be told.
  /// The first thread does not always close as many files before: then it is tried again.
  void expect_failure(const std::function<void()>& set_up) const {
    Outcome outcome;
    for (int attempt = 0; attempt < 20; ++attempt) {
      set_up();
      const int close = count_closings();
      set_up();
      outcome = run_injected({{"close", fmt::format("error=EIO:when={}", close)}}, options_);
      if (injected("close").find(fmt::format("/{}", file_name())) != std::string::npos) break;
    }
    EXPECT_THAT(injected("close"), HasSubstr(file_name())) << "another file was met";
    expect_refused(outcome, 4, {"error: " + (out_ / file_name()).string(), bad});
  }

  /// Runs the program, and counts what it closes up to the staged file.
  [[nodiscard]] int count_closings() const {
    EXPECT_EQ(run_traced({"-e", "trace=close"}, options_).exit_code, 0);
    int count = 0;
    for (const auto& line : trace()) {
      count += is_call(line, "close") ? 1 : 0;
      if (line.find(fmt::format("/{}>", file_name())) != std::string::npos &&
          line.find("/.gamma-extract-") != std::string::npos) {
        return count;
      }
    }
    ADD_FAILURE() << "the staged file was not closed by the first thread";
    return 0;
  }

  // One thread: which of several closes which file first is chance.
  const std::vector<std::string> options_{"--force", "--threads", "1"};

  static std::string file_name() { return file_names.at(static_cast<std::size_t>(GetParam())); }
};

TEST_P(FailingCloseTest, NothingIsLeft) {
  expect_failure([this] { fs::remove_all(out_.parent_path()); });
  EXPECT_FALSE(fs::exists(out_.parent_path()));
}

TEST_P(FailingCloseTest, OldFilesStay) {
  std::map<std::string, std::string> before;
  expect_failure([&] {
    fs::remove_all(out_.parent_path());
    write_old_files();
    before = snapshot(out_);
  });
  EXPECT_TRUE(snapshot(out_) == before);
}

INSTANTIATE_TEST_SUITE_P(Files, FailingCloseTest, ::testing::Values(0, 1, 2));

// What is not to be had everywhere, and what is merely tried again.

TEST_F(FailingCallsTest, SpaceNeedNotBeReserved) {
  const Outcome outcome = run_injected({{"fallocate", "error=EOPNOTSUPP"}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
}

TEST_F(FailingCallsTest, FewerThreadsThanAskedForDoTheWork) {
  testing::write_seeded_checkpoint(model_, 4096, 1);
  extract({"--threads", "1"});
  const auto expected = files();
  for (const std::string when : {"1+", "2+"}) {
    const Outcome outcome =
        run_injected({{"clone3", "error=EAGAIN:when=" + when}}, {"--threads", "4"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(files(), expected);
  }
}

TEST_F(FailingCallsTest, MissingLocksAreWarnedOf) {
  for (const std::string error : {"ENOLCK", "EOPNOTSUPP"}) {
    const Outcome outcome = run_injected({{"flock", "error=" + error}});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::vector<std::string> warnings = lines_of(outcome, "warning");
    ASSERT_EQ(warnings.size(), 1U) << outcome.err;
    EXPECT_THAT(warnings.front(), HasSubstr(out_.string() + ": this file system has no locks"));
    EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
  }
}

TEST_F(FailingCallsTest, InterruptedWritesAreDoneAgain) {
  extract();
  const auto expected = files();
  fs::remove_all(out_.parent_path());
  const Outcome outcome =
      run_injected({{"pwrite64", "error=EINTR:when=1"}, {"fallocate", "error=EINTR:when=1"}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(files() == expected);
}

TEST_F(FailingCallsTest, FilesAreOnTheDiskBeforeTheyGetTheirNames) {
  const Outcome outcome = run_traced({"--seccomp-bpf", "-e", "trace=fsync,renameat2"}, {"--fsync"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::string order;
  for (const auto& line : trace()) {
    if (is_call(line, "fsync")) order += 's';
    if (is_call(line, "renameat2")) order += 'r';
  }
  // Three files; their names; the directory, and the two parents of what was created.
  EXPECT_EQ(order, "sssrrrsss");
}

}  // namespace
}  // namespace gamma_extract
