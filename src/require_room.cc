#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>

#include "gamma_extract/error.h"
#include "gamma_extract/output_set.h"
#include "gamma_extract/text.h"
#include "write_failure.h"

namespace gamma_extract {
namespace {

using Path = std::filesystem::path;

constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

[[noreturn]] void fail_no_directory(const Path& path) {
  fail(Fault::output_unwritable, "{}: it is not a directory; choose another --out", path.string());
}

// `path` itself or the nearest of its parents that exists, which is a directory.
Path nearest_existing(Path path) {
  struct stat status {};
  while (::stat(path.empty() ? "." : path.c_str(), &status) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) fail_to_write(path, errno, "use it");
    if (::lstat(path.c_str(), &status) == 0) {
      fail(Fault::output_unwritable,
           "{}: it is a link to {}, which is missing; create that, or choose another --out",
           path.string(), std::filesystem::read_symlink(path).string());
    }
    path = path.parent_path();
  }
  if (!S_ISDIR(status.st_mode)) fail_no_directory(path);
  return path.empty() ? Path(".") : path;
}

// Reading is needed to lock the output directory and to find leftovers in it; its parents are only
// written to.
void require_permission(const Path& existing, bool is_output_directory) {
  const int mode = W_OK | X_OK | (is_output_directory ? R_OK : 0);
  if (::faccessat(AT_FDCWD, existing.c_str(), mode, AT_EACCESS) == 0) return;
  fail_to_write(existing, errno, "create files in it");
}

void require_no_directories(const Path& directory, std::span<const PlannedFile> files) {
  for (const auto& file : files) {
    const Path path = directory / file.name;
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
      fail(Fault::output_unwritable,
           "{}: a directory has this file's name; remove it, or choose another --out",
           path.string());
    }
  }
}

void require_short_names(const Path& directory, std::span<const PlannedFile> files,
                         std::uint64_t longest) {
  for (const auto& file : files) {
    if (file.name.size() <= longest) continue;
    fail(Fault::output_unwritable,
         "{}: the name has {} bytes, and {} are allowed here; give a shorter one by --name",
         (directory / file.name).string(), file.name.size(), longest);
  }
}

void require_under_file_limit(const Path& directory, std::span<const PlannedFile> files) {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  for (const auto& file : files) {
    if (file.bytes <= limit.rlim_cur) continue;
    fail(Fault::output_file_limit,
         "{}: it needs {}, and the limit on the size of a file is {}; raise it with `ulimit -f`",
         (directory / file.name).string(), human_bytes(file.bytes), human_bytes(limit.rlim_cur));
  }
}

std::uint64_t total_bytes(std::span<const PlannedFile> files) {
  std::uint64_t total = 0;
  for (const auto& file : files) {
    if (__builtin_add_overflow(total, file.bytes, &total)) return unlimited;
  }
  return total;
}

// The old files are not counted as room: they stay until the new ones are complete. Nor are the
// blocks that are reserved for root, who may run this.
void require_space(const Path& directory, std::span<const PlannedFile> files,
                   const struct statvfs& file_system) {
  if (file_system.f_blocks == 0) return;  // the file system does not say
  std::uint64_t room = 0;
  if (__builtin_mul_overflow(file_system.f_bavail, file_system.f_frsize, &room)) room = unlimited;
  const std::uint64_t need = total_bytes(files);
  if (need <= room) return;
  fail(Fault::output_disk_full,
       "{}: the files need {}, and {} are free; free some space, or choose another --out",
       directory.string(), human_bytes(need), human_bytes(room));
}

}  // namespace

void require_room(const Path& directory, std::span<const PlannedFile> files) {
  const Path existing = nearest_existing(directory);
  require_permission(existing, existing == directory);
  require_no_directories(directory, files);
  require_under_file_limit(directory, files);
  struct statvfs file_system {};
  if (::statvfs(existing.c_str(), &file_system) != 0) fail_to_write(existing, errno, "use it");
  require_short_names(directory, files, file_system.f_namemax);
  require_space(directory, files, file_system);
}

}  // namespace gamma_extract
