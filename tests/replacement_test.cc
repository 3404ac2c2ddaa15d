#include "replacement.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

#include "gamma_extract/source.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::read_file;
using testing::TemporaryDirectory;
using testing::write_file;

int no_exchange(int /*from*/, const char* /*name*/, int /*to*/, const char* /*new_name*/,
                unsigned /*flags*/) {
  errno = EINVAL;
  return -1;
}

int no_link(int /*from*/, const char* /*name*/, int /*to*/, const char* /*new_name*/,
            int /*flags*/) {
  errno = EPERM;
  return -1;
}

int broken_exchange(int /*from*/, const char* /*name*/, int /*to*/, const char* /*new_name*/,
                    unsigned /*flags*/) {
  errno = EIO;
  return -1;
}

int broken_rename(int /*from*/, const char* /*name*/, int /*to*/, const char* /*new_name*/) {
  errno = EIO;
  return -1;
}

int full_link(int /*from*/, const char* /*name*/, int /*to*/, const char* /*new_name*/,
              int /*flags*/) {
  errno = ENOSPC;
  return -1;
}

int broken_unlink(int /*directory*/, const char* /*name*/, int /*flags*/) {
  errno = EIO;
  return -1;
}

// The exchange works once, forwards, and not again.
int exchanges_left = 0;
int exchange_once(int from, const char* name, int to, const char* new_name, unsigned flags) {
  if (exchanges_left-- > 0) return ::renameat2(from, name, to, new_name, flags);
  errno = EIO;
  return -1;
}

// `a` and `b` exist and are links of nothing else; `c` does not.
class ReplacementTest : public ::testing::Test {
 protected:
  ReplacementTest() {
    for (const std::string name : {"a", "b", "c"}) write_file(staging_ / name, "new " + name);
    write_file(out_ / "a", "old a");
    write_file(out_ / "b", "old b");
  }

  Replacements replacements(RenameCalls calls = {}) {
    staging_descriptor_ = Descriptor(::open(staging_.path().c_str(), O_RDONLY | O_DIRECTORY));
    out_descriptor_ = Descriptor(::open(out_.path().c_str(), O_RDONLY | O_DIRECTORY));
    return {staging_descriptor_.get(), out_descriptor_.get(), calls};
  }

  void expect_new() {
    EXPECT_EQ(read_file(out_ / "a"), "new a");
    EXPECT_EQ(read_file(out_ / "b"), "new b");
    EXPECT_EQ(read_file(out_ / "c"), "new c");
  }

  void expect_old() {
    EXPECT_EQ(read_file(out_ / "a"), "old a");
    EXPECT_EQ(read_file(out_ / "b"), "old b");
    EXPECT_FALSE(fs::exists(out_ / "c"));
  }

  void expect_there_and_back(RenameCalls calls) {
    Replacements set = replacements(calls);
    for (const auto* name : {"a", "b", "c"}) EXPECT_EQ(set.replace(name), 0);
    expect_new();
    EXPECT_TRUE(set.reversible());
    EXPECT_THAT(set.undo(), IsEmpty());
    expect_old();
  }

  TemporaryDirectory staging_;
  TemporaryDirectory out_;
  Descriptor staging_descriptor_;
  Descriptor out_descriptor_;
};

TEST_F(ReplacementTest, ThereAndBack) {
  expect_there_and_back({});
}

TEST_F(ReplacementTest, ThereAndBackWithoutExchange) {
  expect_there_and_back({.renameat2 = no_exchange});
}

TEST_F(ReplacementTest, ExchangeKeepsTheOldFileWithoutLinks) {
  expect_there_and_back({.linkat = no_link});
}

TEST_F(ReplacementTest, LinkToAFileIsPutBack) {
  for (const auto& calls : {RenameCalls{}, RenameCalls{.renameat2 = no_exchange}}) {
    fs::remove(out_ / "a");
    write_file(staging_ / "a", "new a");
    fs::create_symlink("b", out_ / "a");
    Replacements set = replacements(calls);
    EXPECT_EQ(set.replace("a"), 0);
    EXPECT_FALSE(fs::is_symlink(out_ / "a"));
    EXPECT_EQ(read_file(out_ / "b"), "old b");
    EXPECT_THAT(set.undo(), IsEmpty());
    EXPECT_EQ(fs::read_symlink(out_ / "a"), "b");
  }
}

TEST_F(ReplacementTest, LinkToNothingOrToADirectoryIsReplaced) {
  for (const auto* target : {"nowhere", "."}) {
    fs::remove(out_ / "a");
    write_file(staging_ / "a", "new a");
    fs::create_symlink(target, out_ / "a");
    EXPECT_EQ(replacements().replace("a"), 0);
    EXPECT_EQ(read_file(out_ / "a"), "new a");
    fs::remove(staging_ / "a");
  }
}

TEST_F(ReplacementTest, WithoutExchangeAndLinksThereIsNoWayBack) {
  Replacements set = replacements({.renameat2 = no_exchange, .linkat = no_link});
  EXPECT_EQ(set.replace("c"), 0);
  EXPECT_TRUE(set.reversible());
  EXPECT_EQ(set.replace("a"), 0);
  EXPECT_FALSE(set.reversible());
  EXPECT_EQ(read_file(out_ / "a"), "new a");
  EXPECT_THAT(set.undo(), ElementsAre("a"));
  EXPECT_EQ(read_file(out_ / "a"), "new a");
  EXPECT_FALSE(fs::exists(out_ / "c"));
}

TEST_F(ReplacementTest, ErrorsThatSayMoreThanUnsupportedAreReported) {
  EXPECT_EQ(replacements({.renameat2 = broken_exchange}).replace("a"), EIO);
  EXPECT_EQ(replacements({.renameat2 = broken_exchange}).replace("c"), EIO);
  EXPECT_EQ(replacements({.renameat2 = no_exchange, .renameat = broken_rename}).replace("a"), EIO);
  EXPECT_EQ(replacements({.renameat2 = no_exchange, .renameat = broken_rename}).replace("c"), EIO);
  EXPECT_EQ(replacements({.renameat2 = no_exchange, .linkat = full_link}).replace("a"), ENOSPC);
  expect_old();
}

TEST_F(ReplacementTest, DirectoryIsNotReplaced) {
  fs::create_directory(out_ / "c");
  EXPECT_EQ(replacements().replace("c"), EISDIR);
  EXPECT_TRUE(fs::is_directory(out_ / "c"));
}

TEST_F(ReplacementTest, WhatCannotBeUndoneIsNamed) {
  exchanges_left = 3;
  Replacements set = replacements({.renameat2 = exchange_once, .unlinkat = broken_unlink});
  for (const auto* name : {"a", "b", "c"}) EXPECT_EQ(set.replace(name), 0);
  exchanges_left = 1;
  EXPECT_THAT(set.undo(), ElementsAre("c", "a"));
  EXPECT_EQ(read_file(out_ / "a"), "new a");
  EXPECT_EQ(read_file(staging_ / "a"), "old a");
  EXPECT_EQ(read_file(out_ / "b"), "old b");
}

}  // namespace
}  // namespace gamma_extract
