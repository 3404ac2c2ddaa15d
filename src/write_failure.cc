#include "write_failure.h"

#include <cerrno>
#include <filesystem>
#include <string_view>

#include "gamma_extract/error.h"

namespace gamma_extract {
namespace {

std::string_view remedy(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return "check its permissions, or choose another --out";
    case EROFS:
    case EEXIST:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return "choose another --out";
    case ENOENT:
      return "choose another --out, or leave the directory alone while this runs";
    case EMFILE:
    case ENFILE:
      return reading_remedy(error_number);  // of descriptors, whatever they are for
    default:
      return "check the disk, or choose another --out";
  }
}

}  // namespace

void fail_to_write(const std::filesystem::path& path, int error_number, std::string_view action) {
  switch (error_number) {
    case ENOSPC:
      fail(Fault::output_disk_full,
           "{}: cannot {}: the disk is full; free some space, or choose another --out",
           path.string(), action);
    case EDQUOT:
      fail(Fault::output_disk_full,
           "{}: cannot {}: the disk quota is used up; free some space, or choose another --out",
           path.string(), action);
    case EFBIG:
      fail(Fault::output_file_limit,
           "{}: cannot {}: it would be larger than a file may be; raise the limit with `ulimit -f`,"
           " or choose an --out on another file system",
           path.string(), action);
    default:
      fail(Fault::output_unwritable, "{}: cannot {}: {}; {}", path.string(), action,
           system_message(error_number), remedy(error_number));
  }
}

}  // namespace gamma_extract
