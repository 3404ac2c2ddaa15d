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
  std::filesystem::path partial;
  for (const auto& part : path) {
    partial /= part;
    struct stat status {};
    if (::stat(partial.c_str(), &status) == 0) continue;
    paths_.reserve(paths_.size() + 1);  // so that what was created is never forgotten
    if (::mkdir(partial.c_str(), 0777) == 0) {
      paths_.push_back(partial);
    } else if (errno != EEXIST) {
      return errno;
    }
  }
  return 0;
}

}  // namespace gamma_extract
