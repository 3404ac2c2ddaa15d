#include "directory_names.h"

#include <system_error>

#include "gamma_extract/error.h"

namespace gamma_extract {

namespace fs = std::filesystem;

std::set<std::string> directory_names(const fs::path& directory) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    names.insert(entry->path().filename().string());
  }
  if (error) {
    fail(Fault::file_unreadable, "{}: cannot list it: {}; {}", directory.string(), error.message(),
         reading_remedy(error.value()));
  }
  return names;
}

}  // namespace gamma_extract
