#ifndef GAMMA_EXTRACT_OUTPUT_SET_H_
#define GAMMA_EXTRACT_OUTPUT_SET_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gamma_extract/stop.h"

/// Files that appear together or not at all.
///
/// Each name of the set holds, at every moment, a complete old file or a complete new one. The
/// files are written into a staging directory inside the output directory (so on the same file
/// system), and renamed over their final names at the end, under a lock; an error or a stop between
/// two renames undoes those that were done. What kill -9 leaves behind is the staging directory,
/// which the next run in the same output directory removes.
///
/// Two locks, both flock(2), both on directories, so that no lock file is ever left over:
///   - on the output directory, held while staging directories are made or removed and while files
///     are renamed;
///   - on each staging directory, held as long as its run lives: a staging directory whose lock can
///     be taken belongs to a dead run.
/// Where the file system has no locks the run goes on with a warning, and removes no leftovers.
///
/// Undoing needs the old file. An existing name is therefore exchanged with the staged file
/// (renameat2, RENAME_EXCHANGE): one step, in which the name is never missing, and after which the
/// staging directory holds the old file. Where the file system cannot exchange, a hard link keeps
/// the old file and a plain rename replaces it. Where it has no hard links either, there is no way
/// back: from the first file replaced so, a stop waits until all have their names, and an error
/// leaves a mixture and says so.
namespace gamma_extract {

/// A file to be written.
struct PlannedFile {
  std::string name;         ///< within the output directory
  std::uint64_t bytes = 0;  ///< its exact size
};

struct OutputOptions {
  bool fsync = false;  ///< on the disk before the files get their names
};

/// Throws output_unwritable (a part of the path is no directory, no permission, read-only, a
/// directory has a file's name, a name is too long), output_disk_full or output_file_limit
/// (RLIMIT_FSIZE) if writing `files` into `directory` cannot work, saying what is needed and what
/// there is. Creates and changes nothing. Old files that will be replaced are not counted as room:
/// they stay until the new ones are complete.
void require_room(const std::filesystem::path& directory, std::span<const PlannedFile> files);

class OutputSet {
 public:
  using Warn = std::function<void(const std::string&)>;

  /// Creates `directory` with its parents, removes the leftovers of dead runs, and creates the
  /// staged files, their space reserved. `stop` must outlive this. `warn` is copied and may also be
  /// called by `commit`; it is told of missing locks, and of a lock that is long in coming.
  /// Throws output_unwritable, output_disk_full, output_file_limit, or Stopped.
  OutputSet(std::filesystem::path directory, std::vector<PlannedFile> files, OutputOptions options,
            const StopFlag& stop, const Warn& warn);
  OutputSet(const OutputSet&) = delete;
  OutputSet& operator=(const OutputSet&) = delete;
  /// Unless committed, removes all that was created, directories included.
  ~OutputSet();

  /// Writes all of `bytes` at `offset` of file `index`. Different files may be written from
  /// different threads. Throws output_disk_full, output_file_limit, output_unwritable, Stopped.
  void write_at(std::size_t index, std::uint64_t offset, std::span<const std::byte> bytes);

  /// Closes the files (with `fsync`, after they are on the disk), takes the lock, calls `recheck`,
  /// which may refuse by throwing, and gives the files their names. If this throws, every name
  /// holds what it held before, unless the text says which do not. A stop is noticed up to the last
  /// rename; one that is asked for later finds the files in place, and this returns.
  /// Called once.
  void commit(const std::function<void()>& recheck);

  /// The final path of file `index`.
  [[nodiscard]] std::filesystem::path path(std::size_t index) const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_OUTPUT_SET_H_
