#include "created_directories.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>

#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryDirectory;
using testing::write_file;

TEST(CreatedDirectoriesTest, RemovesWhatItCreatedAndNoMore) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "a");
  {
    CreatedDirectories created;
    EXPECT_EQ(created.create(directory / "a" / "b" / "c"), 0);
    EXPECT_TRUE(fs::is_directory(directory / "a" / "b" / "c"));
    EXPECT_EQ(created.paths().size(), 2U);
  }
  EXPECT_TRUE(fs::is_empty(directory / "a"));
}

TEST(CreatedDirectoriesTest, LeavesWhatIsNotEmpty) {
  const TemporaryDirectory directory;
  {
    CreatedDirectories created;
    EXPECT_EQ(created.create(directory / "a" / "b"), 0);
    write_file(directory / "a" / "file", "");
  }
  EXPECT_TRUE(fs::exists(directory / "a" / "file"));
  EXPECT_FALSE(fs::exists(directory / "a" / "b"));
}

TEST(CreatedDirectoriesTest, KeepsIfTold) {
  const TemporaryDirectory directory;
  {
    CreatedDirectories created;
    EXPECT_EQ(created.create(directory / "a" / "b"), 0);
    created.keep();
  }
  EXPECT_TRUE(fs::exists(directory / "a" / "b"));
}

TEST(CreatedDirectoriesTest, WhatExistsIsNotItsOwn) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "a");
  {
    CreatedDirectories created;
    EXPECT_EQ(created.create(directory / "a"), 0);
    EXPECT_EQ(created.create("."), 0);
    EXPECT_EQ(created.create("/"), 0);
    EXPECT_TRUE(created.paths().empty());
  }
  EXPECT_TRUE(fs::exists(directory / "a"));
}

TEST(CreatedDirectoriesTest, TrailingSlash) {
  const TemporaryDirectory directory;
  {
    CreatedDirectories created;
    EXPECT_EQ(created.create(directory / "a" / "b" / ""), 0);
    EXPECT_TRUE(fs::is_directory(directory / "a" / "b"));
  }
  EXPECT_TRUE(fs::is_empty(directory.path()));
}

TEST(CreatedDirectoriesTest, ReportsWhatIsInTheWay) {
  const TemporaryDirectory directory;
  write_file(directory / "file", "");
  CreatedDirectories created;
  EXPECT_EQ(created.create(directory / "file" / "a"), ENOTDIR);
  EXPECT_EQ(created.create(directory / "file" / "a" / "b"), ENOTDIR);
}

}  // namespace
}  // namespace gamma_extract
