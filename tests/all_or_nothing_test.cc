// The real program under what can cut it short: the output directory holds all or what it held.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "extraction.h"
#include "run_program.h"
#include "seeded_extraction.h"
#include "snapshot.h"
#include "staged_run.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::become_nobody;
using testing::catch_run;
using testing::expect_refused;
using testing::file_names;
using ::testing::IsEmpty;
using testing::names_in;
using testing::Outcome;
using testing::Program;
using testing::run_program;
using testing::snapshot;
using testing::staging_in;
using ::testing::UnorderedElementsAreArray;
using testing::write_file;
using testing::write_seeded_checkpoint;

constexpr std::uint64_t small = 64;    // rows: a run is over in no time
constexpr std::uint64_t large = 8192;  // rows: 32 MiB, written for long enough to be met

class AllOrNothingTest : public testing::SeededExtractionTest {
 protected:
  AllOrNothingTest() { fs::create_directory(out_); }
};

// Signals that end the run cleanly.

struct Stop {
  int signal;
  double staged;  // how much was written when it came
};

void PrintTo(const Stop& stop, std::ostream* out) {
  *out << "signal " << stop.signal << " at " << stop.staged;
}

class AllOrNothingStopTest : public AllOrNothingTest, public ::testing::WithParamInterface<Stop> {
 protected:
  /// Stops a run of `arguments()` by the signal.
  void stop_run(const std::function<void()>& reset) const {
    const auto program = catch_run(arguments(), out_, GetParam().staged, reset);
    program->kill(GetParam().signal);
    program->kill(SIGCONT);
    const Outcome outcome = program->wait();
    EXPECT_EQ(outcome.signal, GetParam().signal);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "");
  }
};

TEST_P(AllOrNothingStopTest, OldFilesStay) {
  write_seeded_checkpoint(model_, large, 1);
  extract();
  write_file(out_ / "other", "of somebody else");
  auto before = snapshot(out_);
  stop_run([&] { before = snapshot(out_); });
  EXPECT_TRUE(snapshot(out_) == before);
}

TEST_P(AllOrNothingStopTest, CreatedDirectoriesAreRemoved) {
  write_seeded_checkpoint(model_, large, 1);
  out_ = directory_ / "not" / "yet" / "out";
  stop_run([&] { fs::remove_all(directory_ / "not"); });
  EXPECT_FALSE(fs::exists(directory_ / "not"));
}

INSTANTIATE_TEST_SUITE_P(Signals, AllOrNothingStopTest,
                         ::testing::Values(Stop{SIGINT, 0}, Stop{SIGINT, 0.5}, Stop{SIGINT, 0.999},
                                           Stop{SIGTERM, 0.5}, Stop{SIGHUP, 0.5}),
                         [](const auto& info) {
                           return std::string("SIG") + ::sigabbrev_np(info.param.signal) + "At" +
                                  std::to_string(static_cast<int>(info.param.staged * 1000));
                         });

TEST_F(AllOrNothingTest, IgnoredSignalsStayIgnored) {
  write_seeded_checkpoint(model_, large, 1);
  bool met = false;
  while (!met) {
    Program program(testing::program_path, arguments(), [] {
      for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
    });
    while (!staging_in(out_) && !testing::has_ended(program.process())) ::usleep(200);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) program.kill(signal);
    met = !testing::has_ended(program.process());
    const Outcome outcome = program.wait();
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err << outcome.signal;
  }
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
}

// kill -9.

TEST_F(AllOrNothingTest, KilledRunLeavesTheOldFilesAndTheNextOneCleansUp) {
  write_seeded_checkpoint(model_, large, 1);
  extract();
  const auto old_files = files();
  const auto program = catch_run(arguments(), out_, 0.5, [] {});
  program->kill(SIGKILL);
  EXPECT_EQ(program->wait().signal, SIGKILL);
  EXPECT_TRUE(staging_in(out_));
  EXPECT_TRUE(files() == old_files);
  extract();
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
  EXPECT_TRUE(files() == old_files);
}

TEST_F(AllOrNothingTest, KilledFirstRunLeavesNoFileOfAName) {
  write_seeded_checkpoint(model_, large, 1);
  const auto program = catch_run(arguments(), out_, 0.5, [&] {
    for (const auto& name : file_names) fs::remove(out_ / name);
  });
  program->kill(SIGKILL);
  EXPECT_EQ(program->wait().signal, SIGKILL);
  EXPECT_THAT(files(), IsEmpty());
  extract();
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
}

// Two runs at once.

TEST_F(AllOrNothingTest, RunUnderWayIsLeftAlone) {
  write_seeded_checkpoint(model_, large, 1);
  const auto program = catch_run(arguments(), out_, 0.5, [&] {
    for (const auto& name : file_names) fs::remove(out_ / name);
  });
  const auto staging = staging_in(out_);
  ASSERT_TRUE(staging);
  extract();
  EXPECT_TRUE(fs::exists(*staging / file_names[0]));
  const auto expected = files();
  program->kill(SIGCONT);
  const Outcome outcome = program->wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
  EXPECT_TRUE(files() == expected);
}

TEST_F(AllOrNothingTest, LaterOfTwoModelsOfOneNameIsRefused) {
  write_seeded_checkpoint(model_, large, 1);
  const auto program = catch_run(arguments(), out_, 0.5, [&] {
    for (const auto& name : file_names) fs::remove(out_ / name);
  });
  model_ = directory_ / "elsewhere" / "model";
  write_seeded_checkpoint(model_, small, 2);
  extract();
  const auto theirs = snapshot(out_);
  program->kill(SIGCONT);
  const Outcome outcome = program->wait();
  expect_refused(outcome, 4, {"--force"});
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
  for (const auto& name : file_names) EXPECT_TRUE(snapshot(out_)[name] == theirs.at(name));
}

// Limits and places where nothing can be written.

TEST_F(AllOrNothingTest, FileSizeLimitIsAnError) {
  write_seeded_checkpoint(model_, small, 1);
  out_ = directory_ / "new";
  const Outcome outcome = run_program(arguments(), [] {
    const struct rlimit limit { 100'000, 100'000 };
    ::setrlimit(RLIMIT_FSIZE, &limit);
  });
  expect_refused(outcome, 4, {"ulimit -f"});
  EXPECT_FALSE(fs::exists(out_));
}

TEST_F(AllOrNothingTest, FileSizeLimitMetInMidWriteIsAnErrorAndOldFilesStay) {
  write_seeded_checkpoint(model_, large, 1);
  extract();
  auto before = snapshot(out_);
  const auto program = catch_run(arguments(), out_, 0.25, [&] { before = snapshot(out_); });
  const struct rlimit limit { 100'000, 100'000 };
  ASSERT_EQ(::prlimit(program->process(), RLIMIT_FSIZE, &limit, nullptr), 0);
  program->kill(SIGCONT);
  expect_refused(program->wait(), 4, {out_.string(), "larger than a file may be", "ulimit -f"});
  EXPECT_TRUE(snapshot(out_) == before);
}

TEST_F(AllOrNothingTest, FileSizeLimitOfStandardOutputKillsNobody) {
  write_seeded_checkpoint(model_, small, 1);
  const Outcome outcome = run_program({"--model", model_.string(), "--json"}, [] {
    const struct rlimit limit { 512, 512 };
    ::setrlimit(RLIMIT_FSIZE, &limit);
  });
  EXPECT_EQ(outcome.signal, 0);
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
  EXPECT_EQ(outcome.out.size(), 512);
}

/// A file system of 256 KiB.
class SmallFileSystem {
 public:
  explicit SmallFileSystem(fs::path path, unsigned long flags = 0) : path_(std::move(path)) {
    fs::create_directories(path_);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", flags, "size=256k") == 0;
  }
  SmallFileSystem(const SmallFileSystem&) = delete;
  SmallFileSystem& operator=(const SmallFileSystem&) = delete;
  ~SmallFileSystem() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool mounted() const { return mounted_; }

 private:
  fs::path path_;
  bool mounted_ = false;
};

TEST_F(AllOrNothingTest, FullDiskIsAnErrorThatSaysWhatIsNeeded) {
  const SmallFileSystem disk(out_);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  write_seeded_checkpoint(model_, 68, 1);  // 2 x 278,528 bytes, 4,096 of mu, some 1,000 of headers
  const fs::path mount = out_;
  out_ = mount / "new";
  const Outcome outcome = run_program(arguments());
  expect_refused(outcome, 4, {"562 kB", "262 kB"});
  EXPECT_THAT(names_in(mount), IsEmpty());
}

TEST_F(AllOrNothingTest, ReadOnlyFileSystemIsAnError) {
  const SmallFileSystem disk(out_, MS_RDONLY);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  write_seeded_checkpoint(model_, small, 1);
  const Outcome outcome = run_program(arguments());
  expect_refused(outcome, 4, {out_.string()});
  EXPECT_THAT(names_in(out_), IsEmpty());
}

TEST_F(AllOrNothingTest, DirectoryWithoutPermissionIsAnError) {
  if (run_program({"--version"}, become_nobody).exit_code != 0) {
    GTEST_SKIP() << "nobody may not run the program in its build folder";
  }
  fs::permissions(directory_.path(), fs::perms(0755));
  write_seeded_checkpoint(model_, small, 1);
  extract();
  const auto before = snapshot(out_);
  fs::permissions(out_, fs::perms(0555));
  const Outcome outcome = run_program(arguments(), become_nobody);
  fs::permissions(out_, fs::perms(0755));
  expect_refused(outcome, 4, {"Permission denied"});
  EXPECT_TRUE(snapshot(out_) == before);
}

TEST_F(AllOrNothingTest, ModeIs0666LessTheUmask) {
  write_seeded_checkpoint(model_, small, 1);
  const Outcome outcome = run_program(arguments(), [] { ::umask(027); });
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const auto& name : file_names) {
    EXPECT_EQ(fs::status(out_ / name).permissions(), fs::perms(0640)) << name;
  }
}

}  // namespace
}  // namespace gamma_extract
