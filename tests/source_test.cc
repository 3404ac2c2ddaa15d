#include "gamma_extract/source.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <string>

#include "expect_fault.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

using testing::TemporaryDirectory;
using testing::write_file;

std::string read(const Source& source, std::uint64_t offset, std::size_t count) {
  std::string text(count, '\0');
  source.read_at(offset, std::as_writable_bytes(std::span(text)));
  return text;
}

TEST(SourceTest, ReadsBytesAtAnOffset) {
  const TemporaryDirectory directory;
  write_file(directory / "a", "0123456789");
  const FileSource source(directory / "a");
  EXPECT_EQ(source.size(), 10U);
  EXPECT_EQ(read(source, 3, 4), "3456");
  EXPECT_EQ(read(source, 0, 10), "0123456789");
  EXPECT_EQ(read(source, 10, 0), "");
}

TEST(SourceTest, MissingFile) {
  const TemporaryDirectory directory;
  EXPECT_FAULT(FileSource(directory / "a"), file_missing);
  EXPECT_FAULT(FileSource(directory / "a" / "b"), file_missing);
}

TEST(SourceTest, DanglingLinkNamesItsTarget) {
  const TemporaryDirectory directory;
  std::filesystem::create_symlink("../../blobs/1234", directory / "link");
  try {
    const FileSource source(directory / "link");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::file_missing);
    EXPECT_NE(std::string(error.what()).find("../../blobs/1234"), std::string::npos)
        << error.what();
  }
}

TEST(SourceTest, TooManyOpenFilesAreNoQuestionOfPermission) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer opens a pipe to look at memory, and takes a failure for a fault";
#endif
  const TemporaryDirectory directory;
  write_file(directory / "a", "");
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const struct rlimit limit { 0, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  std::string text;
  try {
    const FileSource source(directory / "a");
  } catch (const Error& error) {
    text = error.what();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_NE(text.find("raise the limit with `ulimit -n`"), std::string::npos) << text;
}

TEST(SourceTest, FollowsLinks) {
  const TemporaryDirectory directory;
  write_file(directory / "a", "abc");
  std::filesystem::create_symlink("a", directory / "link");
  EXPECT_EQ(read(FileSource(directory / "link"), 0, 3), "abc");
}

TEST(SourceTest, DirectoryAndPipeAreNotRegular) {
  const TemporaryDirectory directory;
  EXPECT_FAULT(FileSource{directory.path()}, file_not_regular);
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  EXPECT_FAULT(FileSource(directory / "pipe"), file_not_regular);
}

TEST(SourceTest, TruncatedWhileRead) {
  const TemporaryDirectory directory;
  write_file(directory / "a", "0123456789");
  const FileSource source(directory / "a");
  std::filesystem::resize_file(directory / "a", 5);
  EXPECT_EQ(read(source, 0, 5), "01234");
  EXPECT_FAULT(read(source, 0, 6), file_truncated);
  EXPECT_FAULT(source.require_unchanged(), file_changed);
}

TEST(SourceTest, GrownWhileRead) {
  const TemporaryDirectory directory;
  write_file(directory / "a", "0123456789");
  const FileSource source(directory / "a");
  source.require_unchanged();
  std::filesystem::resize_file(directory / "a", 11);
  EXPECT_FAULT(source.require_unchanged(), file_changed);
}

TEST(SourceTest, RewrittenWhileRead) {
  const TemporaryDirectory directory;
  write_file(directory / "a", "0123456789");
  const FileSource source(directory / "a");
  const auto time = std::filesystem::last_write_time(directory / "a");
  std::filesystem::last_write_time(directory / "a", time + std::chrono::nanoseconds(1));
  EXPECT_FAULT(source.require_unchanged(), file_changed);
}

TEST(SourceTest, ReplacedWhileRead) {
  const TemporaryDirectory directory;
  write_file(directory / "a", "0123456789");
  const FileSource source(directory / "a");
  write_file(directory / "b", "0123456789");
  std::filesystem::last_write_time(directory / "b",
                                   std::filesystem::last_write_time(directory / "a"));
  std::filesystem::rename(directory / "b", directory / "a");
  EXPECT_FAULT(source.require_unchanged(), file_changed);
}

TEST(SourceTest, RemovedWhileRead) {
  const TemporaryDirectory directory;
  write_file(directory / "a", "0123456789");
  const FileSource source(directory / "a");
  std::filesystem::remove(directory / "a");
  EXPECT_FAULT(source.require_unchanged(), file_changed);
}

TEST(IsSameFileTest, NamesAndLinks) {
  const TemporaryDirectory directory;
  write_file(directory / "blob", "abc");
  write_file(directory / "other", "abc");
  std::filesystem::create_symlink("blob", directory / "link");
  std::filesystem::create_symlink("blob", directory / "another_link");
  std::filesystem::create_hard_link(directory / "blob", directory / "hard_link");
  EXPECT_TRUE(is_same_file(directory / "blob", directory / "link"));
  EXPECT_TRUE(is_same_file(directory / "hard_link", directory / "link"));
  EXPECT_TRUE(is_same_file(directory / "link", directory / "link"));
  EXPECT_FALSE(is_same_file(directory / "another_link", directory / "link"));
  EXPECT_FALSE(is_same_file(directory / "other", directory / "link"));
  EXPECT_FALSE(is_same_file(directory / "missing", directory / "link"));
  EXPECT_FALSE(is_same_file(directory / "other", directory / "missing"));
}

TEST(SourceTest, ReadTextHasALimit) {
  const TemporaryDirectory directory;
  write_file(directory / "config.json", "{}");
  EXPECT_EQ(read_text(directory / "config.json", 2, Fault::config_invalid), "{}");
  EXPECT_FAULT(read_text(directory / "config.json", 1, Fault::config_invalid), config_invalid);
}

}  // namespace
}  // namespace gamma_extract
