#include "file_type.h"

#include <system_error>

#include "gamma_extract/error.h"

namespace gamma_extract {

std::filesystem::file_type file_type_of(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_type type = std::filesystem::status(path, error).type();
  if (error && type != std::filesystem::file_type::not_found) {
    fail(Fault::file_unreadable, "{}: cannot look at it: {}; check that you may read it",
         path.string(), error.message());
  }
  return type;
}

}  // namespace gamma_extract
