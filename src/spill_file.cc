#include "spill_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string>

#include "file_io.h"
#include "gamma_extract/error.h"
#include "gamma_extract/text.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

/// Opens a file without a name. Owner only: /tmp is everybody's.
int open_unlinked(const fs::path& directory, Descriptor& descriptor) {
  descriptor = Descriptor(::open(directory.c_str(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (descriptor.get() >= 0) return 0;
  // Not every file system has such files, nor had every kernel.
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT) return errno;
  std::string name = (directory / ".gamma-extract-fetched-XXXXXX").string();
  descriptor = Descriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (descriptor.get() < 0) return errno;
  return ::unlink(name.c_str()) == 0 ? 0 : errno;
}

/// ENOSPC where the file system says that it has less than that. Some cannot reserve.
int require_free(const Descriptor& file, std::uint64_t bytes) {
  struct statvfs file_system {};
  if (::fstatvfs(file.get(), &file_system) != 0 || file_system.f_blocks == 0) return 0;
  std::uint64_t room = 0;
  if (__builtin_mul_overflow(file_system.f_bavail, file_system.f_frsize, &room)) return 0;
  return bytes <= room ? 0 : ENOSPC;
}

int reserve(const Descriptor& file, const Extent& extent) {
  int result = 0;
  do {
    result = ::fallocate(file.get(), 0, static_cast<off_t>(extent.begin),
                         static_cast<off_t>(extent.end - extent.begin));
  } while (result != 0 && errno == EINTR);
  if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return 0;
  return errno;
}

bool is_no_room(int error) {
  return error == ENOSPC || error == EDQUOT;
}

}  // namespace

SpillFile::SpillFile(std::span<const fs::path> directories, std::span<const Extent> extents) {
  for (const Extent& extent : extents) need_ += extent.end - extent.begin;
  std::vector<Attempt> attempts;
  for (const fs::path& directory : directories) {
    const int error = open_in(directory, extents);
    if (error == 0) return;
    attempts.push_back({.directory = directory, .error = error});
  }
  fail_to_spill(attempts);
}

int SpillFile::open_in(const fs::path& directory, std::span<const Extent> extents) {
  directory_ = directory;
  if (const int error = open_unlinked(directory, descriptor_); error != 0) return error;
  if (const int error = require_free(descriptor_, need_); error != 0) return error;
  for (const Extent& extent : extents) {
    if (extent.begin == extent.end) continue;
    if (const int error = reserve(descriptor_, extent); error != 0) return error;
  }
  return 0;
}

void SpillFile::fail_to_spill(std::span<const Attempt> attempts) const {
  std::string where;
  int reason = attempts.empty() ? ENOENT : attempts.front().error;
  for (const Attempt& attempt : attempts) {
    const bool last = &attempt == &attempts.back();
    if (!where.empty()) where += last ? " and " : ", ";
    where += attempt.directory.string();
    const bool tells_more = is_no_room(attempt.error) || attempt.error == EFBIG;
    if (tells_more && !is_no_room(reason)) reason = attempt.error;
  }
  if (is_no_room(reason)) {
    fail(Fault::output_disk_full,
         "{}: what is fetched needs {} for the time of the run, and there is no room for it ({}); "
         "free some space, or set TMPDIR to a directory that has it",
         where, human_bytes(need_), system_message(reason));
  }
  if (reason == EFBIG) {
    fail(Fault::output_file_limit,
         "{}: what is fetched needs a file of {} for the time of the run, larger than a file may "
         "be; raise the limit with `ulimit -f`",
         where, human_bytes(need_));
  }
  fail(Fault::output_unwritable,
       "{}: what is fetched needs {} for the time of the run, and no file can be made there: {}; "
       "set TMPDIR to a directory that you may write to",
       where, human_bytes(need_), system_message(reason));
}

void SpillFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  const int error = write_all(descriptor_.get(), offset, bytes);
  if (error != 0) fail_to_spill(std::vector<Attempt>{{.directory = directory_, .error = error}});
}

void SpillFile::read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
  const int error = read_all(descriptor_.get(), offset, bytes);
  if (error == 0) return;
  fail(Fault::file_unreadable, "{}: cannot read what was fetched into it: {}; check the disk",
       directory_.string(), system_message(error));
}

}  // namespace gamma_extract
