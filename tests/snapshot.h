#ifndef GAMMA_EXTRACT_SNAPSHOT_H_
#define GAMMA_EXTRACT_SNAPSHOT_H_

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "temporary_directory.h"

namespace gamma_extract::testing {

/// What a directory holds, at any depth: for each path what it is, when it was last written, and
/// its bytes. Equal snapshots mean that nothing was touched.
inline std::map<std::string, std::string> snapshot(const std::filesystem::path& directory) {
  std::map<std::string, std::string> entries;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat status {};
    ::lstat(entry.path().c_str(), &status);
    std::string text = std::to_string(status.st_mode) + " " + std::to_string(status.st_ino) + " ";
    if (entry.is_symlink()) {
      text += std::filesystem::read_symlink(entry.path()).string();
    } else if (entry.is_regular_file()) {
      text += std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec) +
              " " + read_file(entry.path());
    }
    entries[std::filesystem::relative(entry.path(), directory).string()] = std::move(text);
  }
  return entries;
}

/// The names in a directory.
inline std::vector<std::string> names_in(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_SNAPSHOT_H_
