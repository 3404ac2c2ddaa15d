#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "expect_fault.h"
#include "gamma_extract/output_set.h"
#include "nobody.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Nobody;
using testing::TemporaryDirectory;
using testing::write_file;

const std::vector<PlannedFile> files{{"a", 1000}, {"b", 2000}};

std::string refusal(const fs::path& directory, std::vector<PlannedFile> planned = files) {
  try {
    require_room(directory, planned);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(RequireRoomTest, CreatesNothing) {
  const TemporaryDirectory directory;
  require_room(directory.path(), files);
  require_room(directory / "not" / "yet", files);
  require_room(directory / "not" / "yet" / "", files);
  require_room(directory / "not" / ".." / "yet", files);
  EXPECT_TRUE(fs::is_empty(directory.path()));
}

TEST(RequireRoomTest, RelativePath) {
  require_room("surely-not-there", files);
  require_room(".", files);
  EXPECT_FALSE(fs::exists("surely-not-there"));
}

TEST(RequireRoomTest, DirectoryMayBeALink) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "real");
  fs::create_symlink("real", directory / "link");
  require_room(directory / "link", files);
  require_room(directory / "link" / "below", files);
}

TEST(RequireRoomTest, DanglingLinkNamesItsTarget) {
  const TemporaryDirectory directory;
  fs::create_symlink("nowhere", directory / "link");
  EXPECT_FAULT(require_room(directory / "link", files), output_unwritable);
  EXPECT_FAULT(require_room(directory / "link" / "below", files), output_unwritable);
  EXPECT_THAT(refusal(directory / "link" / "below"), HasSubstr("nowhere"));
}

TEST(RequireRoomTest, PartOfThePathIsAFile) {
  const TemporaryDirectory directory;
  write_file(directory / "file", "");
  EXPECT_FAULT(require_room(directory / "file", files), output_unwritable);
  EXPECT_FAULT(require_room(directory / "file" / "a" / "b", files), output_unwritable);
  EXPECT_THAT(refusal(directory / "file" / "a" / "b"),
              HasSubstr((directory / "file").string() + ": it is not a directory"));
}

TEST(RequireRoomTest, NoPermissionToWrite) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0555), 0);
  const Nobody nobody;
  EXPECT_FAULT(require_room(directory.path(), files), output_unwritable);
  EXPECT_FAULT(require_room(directory / "below", files), output_unwritable);
}

TEST(RequireRoomTest, NoPermissionToSearch) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0666), 0);
  const Nobody nobody;
  EXPECT_FAULT(require_room(directory.path(), files), output_unwritable);
  EXPECT_FAULT(require_room(directory / "below", files), output_unwritable);
}

TEST(RequireRoomTest, OutputDirectoryMustBeReadable) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0333), 0);
  const Nobody nobody;
  EXPECT_FAULT(require_room(directory.path(), files), output_unwritable);
  require_room(directory / "below", files);
}

TEST(RequireRoomTest, DirectoryHasAFilesName) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "b");
  EXPECT_FAULT(require_room(directory.path(), files), output_unwritable);
}

TEST(RequireRoomTest, NameIsTooLong) {
  const TemporaryDirectory directory;
  require_room(directory.path(), std::vector<PlannedFile>{{std::string(255, 'x'), 1}});
  const std::vector<PlannedFile> planned{{std::string(256, 'x'), 1}};
  EXPECT_FAULT(require_room(directory.path(), planned), output_unwritable);
  EXPECT_THAT(refusal(directory.path(), planned), HasSubstr("--name"));
}

TEST(RequireRoomTest, DiskIsTooSmall) {
  const TemporaryDirectory directory;
  EXPECT_FAULT(require_room(directory.path(), std::vector<PlannedFile>{{"a", 1ULL << 62U}}),
               output_disk_full);
  // The sum of the sizes does not wrap.
  EXPECT_FAULT(require_room(directory.path(), std::vector<PlannedFile>{{"a", ~0ULL}, {"b", 1}}),
               output_disk_full);
}

TEST(RequireRoomTest, FileLimit) {
  const TemporaryDirectory directory;
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const struct rlimit limit { 2000, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string accepted = refusal(directory.path());
  const std::string refused = refusal(directory.path(), {{"a", 1}, {"b", 2001}});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(accepted, "no error");
  EXPECT_THAT(refused, AllOf(HasSubstr((directory / "b").string()), HasSubstr("`ulimit -f`")));
}

}  // namespace
}  // namespace gamma_extract
