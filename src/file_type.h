#ifndef GAMMA_EXTRACT_FILE_TYPE_H_
#define GAMMA_EXTRACT_FILE_TYPE_H_

#include <filesystem>

/// What stands under a name.
namespace gamma_extract {

/// The type of what `path` leads to, links followed; not_found if there is nothing, or a link to
/// nothing. Throws file_unreadable where it cannot be told.
std::filesystem::file_type file_type_of(const std::filesystem::path& path);

/// Whether there is something of that name; a link counts, wherever it leads. Throws
/// file_unreadable where it cannot be told.
bool is_named(const std::filesystem::path& path);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_FILE_TYPE_H_
