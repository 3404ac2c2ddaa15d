#ifndef GAMMA_EXTRACT_SPILL_FILE_H_
#define GAMMA_EXTRACT_SPILL_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "gamma_extract/source.h"

/// A file without a name, for what was fetched and is not kept: it is gone with its run, however
/// that ends.
namespace gamma_extract {

/// Bytes [begin, end) of the file.
struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class SpillFile {
 public:
  /// Lies in the first of `directories` that has room for `extents`, which are reserved. Throws,
  /// naming the first directory and what is needed, output_disk_full if one of them had too little
  /// room, else output_file_limit or output_unwritable.
  SpillFile(std::span<const std::filesystem::path> directories, std::span<const Extent> extents);

  /// Safe from several threads. Throws as the constructor (where space could not be reserved).
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Throws file_unreadable.
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const;

 private:
  struct Attempt {
    std::filesystem::path directory;
    int error = 0;
  };
  [[nodiscard]] int open_in(const std::filesystem::path& directory,
                            std::span<const Extent> extents);
  [[noreturn]] void fail_to_spill(std::span<const Attempt> attempts) const;

  std::filesystem::path directory_;
  std::uint64_t need_ = 0;
  Descriptor descriptor_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_SPILL_FILE_H_
