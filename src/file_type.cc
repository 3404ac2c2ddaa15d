#include "file_type.h"

#include <system_error>

#include "gamma_extract/error.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

/// The type in `status`, which asking for `path` has given with `error`.
fs::file_type checked(const fs::path& path, fs::file_status status, const std::error_code& error) {
  if (error && status.type() != fs::file_type::not_found) {
    fail(Fault::file_unreadable, "{}: cannot look at it: {}; {}", path.string(), error.message(),
         reading_remedy(error.value()));
  }
  return status.type();
}

}  // namespace

fs::file_type file_type_of(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return checked(path, status, error);
}

bool is_named(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  return checked(path, status, error) != fs::file_type::not_found;
}

}  // namespace gamma_extract
