#include "created_directories.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ranges>

namespace gamma_extract {

CreatedDirectories::~CreatedDirectories() {
  if (kept_) return;
  for (const auto& path : std::views::reverse(paths_)) ::rmdir(path.c_str());
}

int CreatedDirectories::create(const std::filesystem::path& path) {
  paths_.reserve(paths_.size() + 1);  // so that what was created is never forgotten
  if (::mkdir(path.c_str(), 0777) == 0) {
    paths_.push_back(path);
    return 0;
  }
  if (errno == EEXIST) return 0;
  if (errno != ENOENT || !path.has_parent_path() || path.parent_path() == path) return errno;
  if (const int error_number = create(path.parent_path()); error_number != 0) return error_number;
  paths_.reserve(paths_.size() + 1);
  if (::mkdir(path.c_str(), 0777) != 0) return errno == EEXIST ? 0 : errno;
  paths_.push_back(path);
  return 0;
}

}  // namespace gamma_extract
