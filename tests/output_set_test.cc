#include "gamma_extract/output_set.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <stdexcept>
#include <thread>

#include "directory_lock.h"
#include "expect_fault.h"
#include "gamma_extract/source.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::read_file;
using testing::TemporaryDirectory;
using ::testing::UnorderedElementsAre;
using testing::write_file;

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

fs::path staging_in(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with(".gamma-extract-")) return entry.path();
  }
  throw std::runtime_error("no staging directory in " + directory.string());
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of_error(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// A set of the files a, b and c, whose new content is "new a", "new b" and "new c".
class OutputSetTest : public ::testing::Test {
 protected:
  void open(OutputOptions options = {}) {
    set_.emplace(out_, files_, options, stop_,
                 [this](const std::string& text) { warnings_.push_back(text); });
  }

  void write() {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      set_->write_at(i, 4, bytes_of(files_[i].name));
      set_->write_at(i, 0, bytes_of("new "));
    }
  }

  void write_old_files() {
    for (const auto& file : files_) write_file(out_ / file.name, "old " + file.name);
  }

  void expect_all(const std::string& age) {
    for (const auto& file : files_) {
      EXPECT_EQ(read_file(out_ / file.name), age + " " + file.name);
    }
    EXPECT_THAT(names_in(out_), UnorderedElementsAre("a", "b", "c"));
  }

  TemporaryDirectory directory_;
  fs::path out_ = directory_ / "out";
  std::vector<PlannedFile> files_{{"a", 5}, {"b", 5}, {"c", 5}};
  StopFlag stop_;
  std::vector<std::string> warnings_;
  std::optional<OutputSet> set_;
  std::function<void()> accept_ = [] {};
};

TEST_F(OutputSetTest, FilesAppearTogether) {
  out_ = directory_ / "not" / "yet" / "out";
  open();
  write();
  for (const auto& file : files_) EXPECT_FALSE(fs::exists(out_ / file.name));
  set_->commit(accept_);
  expect_all("new");
  set_.reset();
  expect_all("new");
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(OutputSetTest, FilesAppearTogetherWithFsync) {
  out_ = directory_ / "not" / "yet" / "out";
  open({.fsync = true});
  write();
  set_->commit(accept_);
  expect_all("new");
}

TEST_F(OutputSetTest, PathIsTheFinalOne) {
  open();
  EXPECT_EQ(set_->path(1), out_ / "b");
}

TEST_F(OutputSetTest, ExistingFilesAreReplaced) {
  write_old_files();
  open();
  write();
  EXPECT_EQ(read_file(out_ / "a"), "old a");
  set_->commit(accept_);
  expect_all("new");
}

TEST_F(OutputSetTest, SomeExistAndSomeDoNot) {
  write_file(out_ / "b", "old b");
  open();
  write();
  set_->commit(accept_);
  expect_all("new");
}

TEST_F(OutputSetTest, OtherFilesStay) {
  write_file(out_ / "other", "other");
  open();
  write();
  set_->commit(accept_);
  EXPECT_EQ(read_file(out_ / "other"), "other");
}

TEST_F(OutputSetTest, LinkIsReplacedAndItsTargetStays) {
  write_file(directory_ / "target", "target");
  fs::create_directory(out_);
  fs::create_symlink("../target", out_ / "a");
  open();
  write();
  set_->commit(accept_);
  EXPECT_FALSE(fs::is_symlink(out_ / "a"));
  EXPECT_EQ(read_file(out_ / "a"), "new a");
  EXPECT_EQ(read_file(directory_ / "target"), "target");
}

TEST_F(OutputSetTest, DirectoryMayBeALink) {
  fs::create_directory(directory_ / "real");
  fs::create_symlink("real", out_);
  open();
  write();
  set_->commit(accept_);
  expect_all("new");
  EXPECT_TRUE(fs::is_symlink(out_));
}

TEST_F(OutputSetTest, ModeIs0666LessTheUmask) {
  const mode_t before = ::umask(027);
  open();
  ::umask(before);
  struct stat staging {};
  ASSERT_EQ(::stat(staging_in(out_).c_str(), &staging), 0);
  EXPECT_EQ(staging.st_mode & 07777U, 0700U);
  write();
  set_->commit(accept_);
  struct stat status {};
  ASSERT_EQ(::stat((out_ / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
}

TEST_F(OutputSetTest, SpaceIsReserved) {
  files_ = {{"a", 1U << 20U}};
  open();
  struct stat status {};
  ASSERT_EQ(::stat((staging_in(out_) / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 1 << 20);
  EXPECT_GE(status.st_blocks, 2048);
}

TEST_F(OutputSetTest, WritesMoreThanOneCallTakes) {
  std::string content(5'000'001, 'x');
  for (std::size_t i = 0; i < content.size(); i += 997) content[i] = static_cast<char>(i % 251);
  files_ = {{"a", content.size()}};
  open();
  set_->write_at(0, 0, bytes_of(content));
  set_->commit(accept_);
  EXPECT_TRUE(read_file(out_ / "a") == content);
}

TEST_F(OutputSetTest, ThreadsWriteDifferentFiles) {
  const std::string content(100'000, 'x');
  files_ = {{"a", 1'000'000}, {"b", 1'000'000}};
  open();
  const auto fill = [&](std::size_t index) {
    for (std::uint64_t offset = 0; offset < 1'000'000; offset += content.size()) {
      set_->write_at(index, offset, bytes_of(content));
    }
  };
  std::thread other(fill, 1);
  fill(0);
  other.join();
  set_->commit(accept_);
  EXPECT_TRUE(read_file(out_ / "a") == std::string(1'000'000, 'x'));
  EXPECT_TRUE(read_file(out_ / "b") == std::string(1'000'000, 'x'));
}

TEST_F(OutputSetTest, NothingIsLeftWithoutCommit) {
  out_ = directory_ / "not" / "yet" / "out";
  open();
  write();
  EXPECT_TRUE(fs::exists(out_));
  set_.reset();
  EXPECT_THAT(names_in(directory_.path()), IsEmpty());
}

TEST_F(OutputSetTest, CommittedDirectoryStaysThoughItIsEmpty) {
  files_ = {};
  open();
  set_->commit(accept_);
  set_.reset();
  EXPECT_TRUE(fs::exists(out_));
}

TEST_F(OutputSetTest, DirectoryThatExistedStaysWithoutCommit) {
  fs::create_directory(out_);
  out_ = out_ / "made";
  open();
  set_.reset();
  EXPECT_TRUE(fs::exists(out_.parent_path()));
  EXPECT_FALSE(fs::exists(out_));
}

TEST_F(OutputSetTest, CreatedDirectoryStaysIfAnotherFilledIt) {
  open();
  write_file(out_ / "other", "other");
  set_.reset();
  EXPECT_EQ(read_file(out_ / "other"), "other");
}

TEST_F(OutputSetTest, FileInThePlaceOfTheDirectory) {
  write_file(out_, "a file");
  EXPECT_FAULT(open(), output_unwritable);
  out_ = out_ / "below";
  EXPECT_FAULT(open(), output_unwritable);
  EXPECT_EQ(read_file(out_.parent_path()), "a file");
}

TEST_F(OutputSetTest, NothingIsLeftAfterAFailedStart) {
  files_ = {{"a", 5}, {"no/such", 5}};
  EXPECT_FAULT(open(), output_unwritable);
  EXPECT_THAT(names_in(directory_.path()), IsEmpty());
}

TEST_F(OutputSetTest, KilledRunsLeftoversAreRemoved) {
  fs::create_directory(out_);
  const pid_t child = ::fork();
  if (child == 0) {
    open();
    write();
    ::_exit(0);  // as kill -9: no destructor runs
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const fs::path leftover = staging_in(out_);
  EXPECT_TRUE(fs::exists(leftover / "a"));
  open();
  EXPECT_FALSE(fs::exists(leftover));
}

TEST_F(OutputSetTest, LiveRunsFilesStay) {
  open();
  write();
  const fs::path live = staging_in(out_);
  const OutputSet other(out_, {{"d", 1}}, {}, stop_, [](const std::string&) {});
  EXPECT_TRUE(fs::exists(live / "a"));
  set_->commit(accept_);
  EXPECT_EQ(read_file(out_ / "a"), "new a");
}

TEST_F(OutputSetTest, LaterOfTwoRunsWins) {
  OutputSet other(out_, files_, {}, stop_, [](const std::string&) {});
  open();
  write();
  for (std::size_t i = 0; i < files_.size(); ++i) other.write_at(i, 0, bytes_of("other"));
  other.commit(accept_);
  set_->commit(accept_);
  expect_all("new");
}

TEST_F(OutputSetTest, FailedRunLeavesTheDirectoryToTheOther) {
  open();
  write();
  OutputSet other(out_, files_, {}, stop_, [](const std::string&) {});
  set_.reset();
  for (std::size_t i = 0; i < files_.size(); ++i) {
    other.write_at(i, 0, bytes_of("new " + files_[i].name));
  }
  other.commit(accept_);
  expect_all("new");
}

TEST_F(OutputSetTest, RenamedDirectoryIsFollowed) {
  open();
  write();
  fs::rename(out_, directory_ / "moved");
  fs::create_directory(out_);
  set_->commit(accept_);
  EXPECT_THAT(names_in(out_), IsEmpty());
  out_ = directory_ / "moved";
  expect_all("new");
}

TEST_F(OutputSetTest, RemovedDirectoryIsAnError) {
  open();
  write();
  fs::remove_all(out_);
  EXPECT_FAULT(set_->commit(accept_), output_unwritable);
  set_.reset();
  EXPECT_THAT(names_in(directory_.path()), IsEmpty());
}

TEST_F(OutputSetTest, RecheckRunsUnderTheLock) {
  open();
  write();
  set_->commit([&] {
    const Descriptor descriptor(::open(out_.c_str(), O_RDONLY | O_DIRECTORY));
    EXPECT_EQ(try_lock(descriptor.get()), LockResult::busy);
    EXPECT_FALSE(fs::exists(out_ / "a"));
  });
  const Descriptor descriptor(::open(out_.c_str(), O_RDONLY | O_DIRECTORY));
  EXPECT_EQ(try_lock(descriptor.get()), LockResult::taken);
}

TEST_F(OutputSetTest, RecheckMayRefuse) {
  write_old_files();
  open();
  write();
  EXPECT_FAULT(set_->commit([] { fail(Fault::output_exists, "refused"); }), output_exists);
  set_.reset();
  expect_all("old");
}

TEST_F(OutputSetTest, StopBeforeTheRenames) {
  write_old_files();
  open();
  write();
  stop_.request(SIGTERM);
  bool rechecked = false;
  EXPECT_THROW(set_->commit([&] { rechecked = true; }), Stopped);
  EXPECT_FALSE(rechecked);
  set_.reset();
  expect_all("old");
}

TEST_F(OutputSetTest, StopBetweenTheRenamesRollsBack) {
  write_old_files();
  fs::remove(out_ / "a");
  open();
  write();
  EXPECT_THROW(set_->commit([&] { stop_.request(SIGINT); }), Stopped);
  EXPECT_FALSE(fs::exists(out_ / "a"));
  set_.reset();
  EXPECT_THAT(names_in(out_), UnorderedElementsAre("b", "c"));
  EXPECT_EQ(read_file(out_ / "b"), "old b");
  EXPECT_EQ(read_file(out_ / "c"), "old c");
}

TEST_F(OutputSetTest, StopAfterTheLastRenameRollsBack) {
  files_ = {{"a", 5}};
  write_file(out_ / "a", "old a");
  open();
  write();
  EXPECT_THROW(set_->commit([&] { stop_.request(SIGINT); }), Stopped);
  set_.reset();
  EXPECT_EQ(read_file(out_ / "a"), "old a");
  EXPECT_THAT(names_in(out_), UnorderedElementsAre("a"));
}

TEST_F(OutputSetTest, StopRemovesCreatedDirectories) {
  out_ = directory_ / "not" / "yet" / "out";
  open();
  write();
  EXPECT_THROW(set_->commit([&] { stop_.request(SIGINT); }), Stopped);
  set_.reset();
  EXPECT_THAT(names_in(directory_.path()), IsEmpty());
}

TEST_F(OutputSetTest, StopWhileWriting) {
  open();
  stop_.request(SIGHUP);
  EXPECT_THROW(set_->write_at(0, 0, bytes_of("x")), Stopped);
}

TEST_F(OutputSetTest, StopBeforeTheStart) {
  stop_.request(SIGHUP);
  EXPECT_THROW(open(), Stopped);
  EXPECT_THAT(names_in(directory_.path()), IsEmpty());
}

TEST_F(OutputSetTest, FailedRenameRollsBack) {
  write_old_files();
  fs::remove(out_ / "a");
  fs::remove(out_ / "b");
  fs::create_symlink("nowhere", out_ / "b");
  open();
  write();
  const auto lose_staged_file = [&] { fs::remove(staging_in(out_) / "c"); };
  EXPECT_FAULT(set_->commit(lose_staged_file), output_unwritable);
  set_.reset();
  EXPECT_THAT(names_in(out_), UnorderedElementsAre("b", "c"));
  EXPECT_EQ(fs::read_symlink(out_ / "b"), "nowhere");
  EXPECT_EQ(read_file(out_ / "c"), "old c");
}

TEST_F(OutputSetTest, DirectoryInThePlaceOfAFileIsNotReplaced) {
  write_old_files();
  open();
  write();
  const auto put_directory = [&] {
    fs::remove(out_ / "c");
    fs::create_directory(out_ / "c");
  };
  EXPECT_FAULT(set_->commit(put_directory), output_unwritable);
  set_.reset();
  EXPECT_TRUE(fs::is_directory(out_ / "c"));
  EXPECT_EQ(read_file(out_ / "a"), "old a");
  EXPECT_EQ(read_file(out_ / "b"), "old b");
}

class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const struct rlimit limit { bytes, before_.rlim_max };
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  struct rlimit before_ {};
  sighandler_t handler_;
};

TEST_F(OutputSetTest, FileLimitIsMetWhenSpaceIsReserved) {
  files_ = {{"a", 5}, {"b", 2U << 20U}};
  const FileLimit limit(1U << 20U);
  EXPECT_FAULT(open(), output_file_limit);
  EXPECT_THAT(names_in(directory_.path()), IsEmpty());
}

TEST_F(OutputSetTest, FileLimitIsMetWhenWriting) {
  files_ = {{"a", 0}};
  open();
  const FileLimit limit((1U << 20U) + 1U);
  EXPECT_FAULT(set_->write_at(0, 0, bytes_of(std::string(3U << 20U, 'x'))), output_file_limit);
  set_.reset();
  EXPECT_THAT(names_in(directory_.path()), IsEmpty());
}

// A file system of 64 KiB.
class SmallFileSystem {
 public:
  explicit SmallFileSystem(fs::path path) : path_(std::move(path)) {
    fs::create_directory(path_);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=64k") == 0;
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

TEST_F(OutputSetTest, FullDiskIsMetWhenSpaceIsReserved) {
  const SmallFileSystem small(directory_ / "small");
  if (!small.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  out_ = directory_ / "small" / "out";
  files_ = {{"a", 40'000}, {"b", 40'000}};
  EXPECT_FAULT(open(), output_disk_full);
  EXPECT_THAT(names_in(directory_ / "small"), IsEmpty());
}

TEST_F(OutputSetTest, FullDiskIsMetWhenWriting) {
  const SmallFileSystem small(directory_ / "small");
  if (!small.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  out_ = directory_ / "small" / "out";
  files_ = {{"a", 0}};
  open();
  EXPECT_FAULT(set_->write_at(0, 0, bytes_of(std::string(80'000, 'x'))), output_disk_full);
  set_.reset();
  EXPECT_THAT(names_in(directory_ / "small"), IsEmpty());
}

TEST_F(OutputSetTest, RequireRoomKnowsAFullDisk) {
  const SmallFileSystem small(directory_ / "small");
  if (!small.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  out_ = directory_ / "small" / "not" / "yet";
  files_ = {{"a", 40'000}, {"b", 10'000}};
  require_room(out_, files_);
  files_ = {{"a", 40'000}, {"b", 40'000}};
  EXPECT_FAULT(require_room(out_, files_), output_disk_full);
  EXPECT_THAT(text_of_error([&] { require_room(out_, files_); }), HasSubstr("80.0 kB"));
  files_ = {{"a", ~0ULL}, {"b", 2}};
  EXPECT_FAULT(require_room(out_, files_), output_disk_full);
  EXPECT_THAT(names_in(directory_ / "small"), IsEmpty());
}

}  // namespace
}  // namespace gamma_extract
