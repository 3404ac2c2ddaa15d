#ifndef GAMMA_EXTRACT_TESTS_SMALL_DISK_H_
#define GAMMA_EXTRACT_TESTS_SMALL_DISK_H_

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "process.h"

namespace gamma_extract::testing {

/// Mounts a file system, which this process alone sees (message queues are a file system, too).
/// Needs root.
inline bool mount_here(const std::string& type, const std::filesystem::path& directory,
                       const std::string& options) {
  return ::unshare(CLONE_NEWNS | CLONE_NEWIPC) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", directory.c_str(), type.c_str(), 0, options.c_str()) == 0;
}

/// Mounts a disk of that size.
inline bool mount_small_disk(const std::filesystem::path& directory, std::uint64_t bytes) {
  return mount_here("tmpfs", directory, "size=" + std::to_string(bytes));
}

/// Runs the assertions of `body` in a process of its own, for what it does to its mounts and
/// limits.
inline void expect_in_child(const std::function<void()>& body) {
  const Outcome outcome = run_in_child([&] {
    body();
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(outcome.code, 0) << "signal " << outcome.signal << "\n" << outcome.out << outcome.err;
}

}  // namespace gamma_extract::testing

/// Mounting needs root, and a kernel that lets it.
#define SKIP_UNLESS_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "only root may mount a file system"

#endif  // GAMMA_EXTRACT_TESTS_SMALL_DISK_H_
