#include "file_io.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gamma_extract {
namespace {

// One call moves at most 0x7ffff000 bytes on Linux; ask for less.
constexpr std::size_t max_bytes = 1U << 30U;

}  // namespace

int read_all(int descriptor, std::uint64_t offset, std::span<std::byte> bytes,
             std::uint64_t* reached) noexcept {
  while (!bytes.empty()) {
    const ssize_t count = ::pread(descriptor, bytes.data(), std::min(bytes.size(), max_bytes),
                                  static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      if (reached != nullptr) *reached = offset;
      return count < 0 ? errno : ENODATA;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return 0;
}

int write_all(int descriptor, std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor, bytes.data(), std::min(bytes.size(), max_bytes),
                                   static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : EIO;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return 0;
}

}  // namespace gamma_extract
