#include "staging_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <system_error>

#include "directory_lock.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryDirectory;
using testing::write_file;

class StagingDirectoryTest : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
  Descriptor descriptor_{::open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
};

TEST_F(StagingDirectoryTest, IsPrivateAndLocked) {
  const StagingDirectory staging(descriptor_.get(), true);
  const fs::path path = directory_ / staging.name();
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
  const Descriptor other(::open(path.c_str(), O_RDONLY | O_DIRECTORY));
  EXPECT_EQ(try_lock(other.get()), LockResult::busy);
}

TEST_F(StagingDirectoryTest, RemovesItselfAndItsFiles) {
  {
    const StagingDirectory staging(descriptor_.get(), true);
    for (int i = 0; i < 1000; ++i) {
      write_file(directory_ / staging.name() / std::to_string(i), "content");
    }
  }
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(StagingDirectoryTest, KeepsIfTold) {
  std::string name;
  {
    StagingDirectory staging(descriptor_.get(), true);
    name = staging.name();
    write_file(directory_ / name / "a", "old");
    staging.keep();
  }
  EXPECT_TRUE(fs::exists(directory_ / name / "a"));
  remove_dead_staging(descriptor_.get());
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(StagingDirectoryTest, ParentWasRemoved) {
  fs::create_directory(directory_ / "gone");
  const Descriptor gone(::open((directory_ / "gone").c_str(), O_RDONLY | O_DIRECTORY));
  fs::remove(directory_ / "gone");
  try {
    const StagingDirectory staging(gone.get(), true);
    ADD_FAILURE();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
  }
}

TEST_F(StagingDirectoryTest, DeadOnesAreRemovedAndLiveOnesStay) {
  const StagingDirectory live(descriptor_.get(), true);
  write_file(directory_ / live.name() / "a", "growing");
  write_file(directory_ / ".gamma-extract-abc123" / "a", "dead");
  fs::create_directory(directory_ / ".gamma-extract-000000");
  remove_dead_staging(descriptor_.get());
  EXPECT_TRUE(fs::exists(directory_ / live.name() / "a"));
  EXPECT_FALSE(fs::exists(directory_ / ".gamma-extract-abc123"));
  EXPECT_FALSE(fs::exists(directory_ / ".gamma-extract-000000"));
}

TEST_F(StagingDirectoryTest, LinksAreNotFollowed) {
  write_file(directory_ / "precious" / "a", "precious");
  fs::create_directory_symlink("precious", directory_ / ".gamma-extract-abc123");
  fs::create_directory(directory_ / ".gamma-extract-abc124");
  fs::create_symlink("../precious/a", directory_ / ".gamma-extract-abc124" / "a");
  remove_dead_staging(descriptor_.get());
  EXPECT_TRUE(fs::exists(directory_ / "precious" / "a"));
  EXPECT_FALSE(fs::exists(directory_ / ".gamma-extract-abc124"));
}

TEST_F(StagingDirectoryTest, WhatNoRunMakesStays) {
  write_file(directory_ / ".gamma-extract-abc123" / "below" / "a", "precious");
  write_file(directory_ / ".gamma-extract-notes" / "a", "precious");
  write_file(directory_ / ".gamma-extract-Abc123" / "a", "precious");
  write_file(directory_ / ".gamma-extract-abc124", "precious");
  remove_dead_staging(descriptor_.get());
  EXPECT_TRUE(fs::exists(directory_ / ".gamma-extract-abc123" / "below" / "a"));
  EXPECT_TRUE(fs::exists(directory_ / ".gamma-extract-notes" / "a"));
  EXPECT_TRUE(fs::exists(directory_ / ".gamma-extract-Abc123" / "a"));
  EXPECT_TRUE(fs::exists(directory_ / ".gamma-extract-abc124"));
}

}  // namespace
}  // namespace gamma_extract
