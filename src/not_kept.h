#ifndef GAMMA_EXTRACT_NOT_KEPT_H_
#define GAMMA_EXTRACT_NOT_KEPT_H_

#include <filesystem>
#include <string>

namespace gamma_extract {

/// The warning that what is fetched cannot be kept in the program's own cache: where, why (in
/// errno's terms), and what to do.
std::string not_kept(const std::filesystem::path& path, int error_number);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_NOT_KEPT_H_
