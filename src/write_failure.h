#ifndef GAMMA_EXTRACT_WRITE_FAILURE_H_
#define GAMMA_EXTRACT_WRITE_FAILURE_H_

#include <filesystem>
#include <string_view>

/// Which fault a failed system call of the output is, and what the user can do about it.
namespace gamma_extract {

/// Throws the Error for `error_number` (of errno): output_disk_full (ENOSPC, EDQUOT),
/// output_file_limit (EFBIG) or output_unwritable. `action` completes "cannot ...".
[[noreturn]] void fail_to_write(const std::filesystem::path& path, int error_number,
                                std::string_view action = "write it");

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_WRITE_FAILURE_H_
