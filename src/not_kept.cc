#include "not_kept.h"

#include <fmt/format.h>

#include <cerrno>
#include <string_view>

#include "gamma_extract/error.h"

namespace gamma_extract {
namespace {

std::string_view remedy(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return "free some space there, or set GAMMA_EXTRACT_CACHE to a directory that has it";
    case EFBIG:
      return "raise the limit with `ulimit -f`";
    default:
      return "set GAMMA_EXTRACT_CACHE to a directory that you may write to";
  }
}

}  // namespace

std::string not_kept(const std::filesystem::path& path, int error_number) {
  return fmt::format(
      "{}: what is fetched cannot be kept there: {}; the run goes on without keeping it; {}",
      path.string(), system_message(error_number), remedy(error_number));
}

}  // namespace gamma_extract
