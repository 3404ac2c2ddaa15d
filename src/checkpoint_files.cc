#include "gamma_extract/checkpoint_files.h"

#include "directory_names.h"
#include "file_type.h"

namespace gamma_extract {

std::optional<std::string> DirectoryFiles::find_text(const std::string& name, std::uint64_t limit,
                                                     Fault too_large) const {
  const std::filesystem::path file = path_of(name);
  if (!is_named(file)) return std::nullopt;
  return read_text(file, limit, too_large);
}

std::unique_ptr<const Source> DirectoryFiles::find(const std::string& name) const {
  const std::filesystem::path file = path_of(name);
  if (!is_named(file)) return nullptr;
  return std::make_unique<FileSource>(file);
}

std::set<std::string> DirectoryFiles::names() const {
  return directory_names(directory_);
}

}  // namespace gamma_extract
