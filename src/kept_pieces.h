#ifndef GAMMA_EXTRACT_KEPT_PIECES_H_
#define GAMMA_EXTRACT_KEPT_PIECES_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "directory_lock.h"
#include "gamma_extract/observer.h"
#include "gamma_extract/source.h"
#include "piece_map.h"

/// The pieces of a range in the program's own cache: BASE.data, their bytes, and BASE.pieces, the
/// map of those that are whole.
///
/// Runs share them. One that has pieces to add holds the lock of the map meanwhile, so that another
/// waits for it instead of fetching the same; where all are there nobody locks anything. A map of
/// another file (another ETag) is not emptied but replaced: whoever reads it keeps what it has
/// open.
namespace gamma_extract {

class KeptPieces {
 public:
  /// Opens what is there, or creates it, parents included, and waits for a run that is filling it.
  /// Unless `may_write`, creates and changes nothing. Does not throw where that fails: then `error`
  /// tells, and the pieces that can be read are read. Throws Stopped.
  KeptPieces(const std::filesystem::path& base, const RemoteRange& range, bool may_write,
             const Observer& observer);

  /// Why nothing can be added, in errno's terms; 0 if it can.
  [[nodiscard]] int error() const noexcept { return error_; }

  /// The XXH3 of a piece that the map has, and for which there are bytes.
  [[nodiscard]] const std::optional<std::uint64_t>& xxh3(std::size_t piece) const {
    return contents_.xxh3.at(piece);
  }

  /// Reads bytes at an offset from the range's beginning. Returns 0, errno, or ENODATA (too short).
  [[nodiscard]] int read_at(std::uint64_t offset, std::span<std::byte> bytes) const noexcept;

  /// Writes a piece and then its line in the map. Returns 0 or what errno says; then the map is as
  /// it was. Safe from several threads.
  int write(std::size_t piece, std::span<const std::byte> bytes, std::uint64_t xxh3);

  /// Lets others fill what is still missing.
  void unlock() { lock_.reset(); }

  [[nodiscard]] const std::filesystem::path& data_path() const noexcept { return data_path_; }

 private:
  enum class Opened : std::uint8_t { yes, again };
  int open_to_write(const RemoteRange& range, const Observer& observer);
  void open_to_read(const RemoteRange& range);
  void open_or_create();
  Opened read_locked(const RemoteRange& range);
  void lock(const Observer& observer);
  void read(const RemoteRange& range);
  [[nodiscard]] bool is_complete() const;

  std::filesystem::path map_path_;
  std::filesystem::path data_path_;
  Descriptor map_;
  Descriptor data_;
  std::optional<DirectoryLock> lock_;  // of map_, so it goes before that
  PieceMap contents_;
  std::uint64_t map_bytes_ = 0;
  std::mutex map_mutex_;
  int error_ = 0;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_KEPT_PIECES_H_
