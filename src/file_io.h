#ifndef GAMMA_EXTRACT_FILE_IO_H_
#define GAMMA_EXTRACT_FILE_IO_H_

#include <cstddef>
#include <cstdint>
#include <span>

/// pread and pwrite, until all is done. What a signal interrupts is done again. A failure is a
/// value: of some files it is no error of the run's, but a reason to go another way.
namespace gamma_extract {

/// Fills `bytes` from `offset`. Returns 0, what errno says, or ENODATA where the file ends before.
/// If `reached` is given, it gets the offset at which that was.
int read_all(int descriptor, std::uint64_t offset, std::span<std::byte> bytes,
             std::uint64_t* reached = nullptr) noexcept;

/// Writes `bytes` at `offset` (at the end of a file that was opened to append). Returns 0 or what
/// errno says.
int write_all(int descriptor, std::uint64_t offset, std::span<const std::byte> bytes) noexcept;

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_FILE_IO_H_
