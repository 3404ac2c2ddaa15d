// The main job where what a program may expect around it is missing.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "extraction.h"
#include "seeded_extraction.h"
#include "snapshot.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::become_nobody;
using testing::expect_refused;
using testing::expect_success;
using testing::file_names;
using testing::names_in;
using testing::Outcome;
using testing::run_program;
using ::testing::UnorderedElementsAreArray;
using testing::write_seeded_checkpoint;

constexpr int cannot_set_up = 125;

class EnvironmentTest : public testing::SeededExtractionTest {
 protected:
  EnvironmentTest() {
    write_seeded_checkpoint(model_, 64, 1);
    extract();
    expected_ = files();
    fs::remove_all(out_);
  }

  /// The three files of an undisturbed run, and nothing else.
  void expect_files() const {
    ASSERT_TRUE(fs::exists(out_));
    EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
    EXPECT_TRUE(files() == expected_);
  }

  void expect_same(const std::function<void()>& in_child) const {
    expect_success(run_program(arguments(), in_child));
    expect_files();
    fs::remove_all(out_);
  }

 private:
  std::map<std::string, std::string> expected_;
};

TEST_F(EnvironmentTest, NoVariableIsNeeded) {
  expect_same([] { ::setenv("TMPDIR", "/nowhere/at/all", 1); });
  expect_same([] { ::unsetenv("HOME"); });
  expect_same([] { ::setenv("HOME", "", 1); });
  expect_same([] { ::setenv("LC_ALL", "C", 1); });
  expect_same([] { ::setenv("LC_ALL", "xx_XX.UTF-8", 1); });
  expect_same([] { ::clearenv(); });
}

TEST_F(EnvironmentTest, ThreadsAreTheCoresThatItMayUse) {
  cpu_set_t usable;
  ASSERT_EQ(::sched_getaffinity(0, sizeof usable, &usable), 0);
  const auto threads = [this](const std::function<void()>& in_child) {
    const Outcome outcome = run_program({"--model", model_, "--json"}, in_child);
    expect_success(outcome);
    return testing::Json::parse(outcome.out).at("threads").get<int>();
  };
  EXPECT_EQ(threads({}), CPU_COUNT(&usable));
  EXPECT_EQ(threads([&usable] {
              for (int cpu = 0; CPU_COUNT(&usable) > 1; ++cpu) CPU_CLR(cpu, &usable);
              if (::sched_setaffinity(0, sizeof usable, &usable) != 0) ::_exit(cannot_set_up);
            }),
            1);
}

TEST_F(EnvironmentTest, TheWorkingDirectoryMayBeGone) {
  const fs::path gone = directory_ / "gone";
  fs::create_directory(gone);
  expect_same([&gone] {
    if (::chdir(gone.c_str()) != 0 || ::rmdir(gone.c_str()) != 0) ::_exit(cannot_set_up);
  });
}

TEST_F(EnvironmentTest, AllStreamsMayBeClosed) {
  const auto close_all = [] {
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(descriptor);
  };
  expect_same(close_all);  // with --quiet
  const Outcome outcome = run_program({"--model", model_, "--out", out_}, close_all);
  EXPECT_EQ(outcome.exit_code, 4);
  expect_files();
}

TEST_F(EnvironmentTest, TheOutputDirectoryMayBeALinkOrBeGivenRelatively) {
  fs::create_directory(directory_ / "target");
  fs::create_directory_symlink("target", out_);
  expect_success(run_program(arguments()));
  EXPECT_TRUE(fs::is_symlink(out_));
  expect_files();

  fs::remove(out_);
  for (const char* relative : {"out", "./out/", "sub/../out"}) {
    expect_success(run_program({"--model", "model", "--out", relative, "-q"}, [this] {
      if (::chdir(directory_.path().c_str()) != 0) ::_exit(cannot_set_up);
    }));
    expect_files();
    fs::remove_all(out_);
  }
}

TEST_F(EnvironmentTest, AnEmptyOutputDirectoryIsAUsageError) {
  expect_refused(run_program({"--model", model_, "--out", ""}), 2, {"--out"});
  expect_refused(run_program({"--model", model_, "--out="}), 2, {"--out"});
}

TEST_F(EnvironmentTest, AModelDirectoryWithoutPermissionIsAnError) {
  if (run_program({"--version"}, become_nobody).exit_code != 0) {
    GTEST_SKIP() << "nobody may not run the program in its build folder";
  }
  fs::permissions(directory_.path(), fs::perms(0755));
  for (const fs::perms permissions : {fs::perms::none, fs::perms(0444)}) {
    fs::permissions(model_, permissions);
    expect_refused(run_program(arguments(), become_nobody), 3,
                   {model_.string(), "Permission denied"});
  }
  fs::permissions(model_, fs::perms(0755));
  EXPECT_FALSE(fs::exists(out_));
}

/// A mount namespace of its own, without the file systems in which the kernel tells of itself.
void hide_kernel_file_systems() {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::umount2("/proc", MNT_DETACH) != 0) {
    ::_exit(cannot_set_up);
  }
  ::umount2("/sys", MNT_DETACH);
}

TEST_F(EnvironmentTest, NeitherProcNorSysIsNeeded) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer needs /proc and says so";
#endif
  if (run_program({"--version"}, hide_kernel_file_systems).exit_code == cannot_set_up) {
    GTEST_SKIP() << "needs the right to unmount /proc in a mount namespace of its own";
  }
  const Outcome outcome = run_program(arguments(), hide_kernel_file_systems);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_files();
}

}  // namespace
}  // namespace gamma_extract
