#include "gamma_extract/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "file_io.h"
#include "gamma_extract/error.h"

namespace gamma_extract {
namespace {

[[noreturn]] void fail_to_open(const std::filesystem::path& path, int error_number) {
  if (error_number != ENOENT && error_number != ENOTDIR) {
    fail(Fault::file_unreadable, "{}: cannot open it: {}; {}", path.string(),
         system_message(error_number), reading_remedy(error_number));
  }
  std::error_code ignored;
  if (std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored))) {
    fail(Fault::file_missing, "{}: it is a link to {}, which is missing; download the file again",
         path.string(), std::filesystem::read_symlink(path, ignored).string());
  }
  fail(Fault::file_missing, "{}: no such file; check the name", path.string());
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  close();
}

int Descriptor::release() noexcept {
  return std::exchange(fd_, -1);
}

int Descriptor::close() noexcept {
  if (fd_ < 0) return 0;
  // Never retried: after EINTR Linux has closed the descriptor all the same.
  return ::close(release()) == 0 ? 0 : errno;
}

FileSource::FileSource(std::filesystem::path path) : path_(std::move(path)) {
  // O_NONBLOCK, so that opening a pipe which nobody writes does not wait for ever.
  int fd = -1;
  do {
    fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) fail_to_open(path_, errno);
  descriptor_ = Descriptor(fd);

  struct stat status {};
  if (::fstat(fd, &status) != 0) fail_to_open(path_, errno);
  if (!S_ISREG(status.st_mode)) {
    fail(Fault::file_not_regular, "{}: it is {}, not a regular file; name a file", path_.string(),
         S_ISDIR(status.st_mode) ? "a directory" : "a device, a pipe or a socket");
  }
  identity_ = Identity::of(status);
}

FileSource::Identity FileSource::Identity::of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .seconds = status.st_mtim.tv_sec,
          .nanoseconds = status.st_mtim.tv_nsec};
}

void FileSource::read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
  std::uint64_t reached = offset;
  const int error = read_all(descriptor_.get(), offset, bytes, &reached);
  if (error == 0) return;
  if (error == ENODATA) {
    fail(Fault::file_truncated,
         "{}: it ends at byte {} though it had {} bytes when it was opened; "
         "do not change the file while it is read",
         path_.string(), reached, size());
  }
  fail(Fault::file_unreadable, "{}: cannot read byte {}: {}; check the disk", path_.string(),
       reached, system_message(error));
}

void FileSource::require_unchanged() const {
  struct stat opened {};
  struct stat named {};
  if (::fstat(descriptor_.get(), &opened) == 0 && ::stat(path_.c_str(), &named) == 0 &&
      Identity::of(opened) == identity_ && Identity::of(named) == identity_) {
    return;
  }
  fail(Fault::file_changed,
       "{}: it was changed or replaced while it was read; run again when nothing writes to it",
       path_.string());
}

bool is_same_file(const std::filesystem::path& name, const std::filesystem::path& file) {
  const auto same = [](const struct stat& left, const struct stat& right) {
    return left.st_dev == right.st_dev && left.st_ino == right.st_ino;
  };
  struct stat candidate {};
  struct stat target {};
  struct stat link {};
  if (::lstat(name.c_str(), &candidate) != 0) return false;
  return (::stat(file.c_str(), &target) == 0 && same(candidate, target)) ||
         (::lstat(file.c_str(), &link) == 0 && same(candidate, link));
}

std::string read_text(const std::filesystem::path& path, std::uint64_t limit, Fault too_large) {
  const FileSource source(path);
  if (source.size() > limit) {
    fail(too_large,
         "{}: it has {} bytes, more than the {} that such a file may have; check the file",
         path.string(), source.size(), limit);
  }
  std::string text(source.size(), '\0');
  source.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace gamma_extract
