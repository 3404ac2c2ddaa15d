#ifndef GAMMA_EXTRACT_DIRECTORY_NAMES_H_
#define GAMMA_EXTRACT_DIRECTORY_NAMES_H_

#include <filesystem>
#include <set>
#include <string>

namespace gamma_extract {

/// The names in a directory, sorted. Throws file_unreadable where it cannot be listed.
std::set<std::string> directory_names(const std::filesystem::path& directory);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_DIRECTORY_NAMES_H_
