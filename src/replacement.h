#ifndef GAMMA_EXTRACT_REPLACEMENT_H_
#define GAMMA_EXTRACT_REPLACEMENT_H_

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

/// Giving staged files their final names, with a way back.
///
/// rename(2) replaces a file in one step but loses the old one. So an existing name is exchanged
/// with the staged file (RENAME_EXCHANGE): also one step, the name is never missing, and the
/// staging directory holds the old file afterwards. Where the file system cannot exchange (NFS,
/// CIFS, some FUSE), a hard link in the staging directory keeps the old file and a rename replaces
/// it. Where there are no hard links either, only the rename is left, without a way back.
namespace gamma_extract {

/// The system calls used, so that a test can make each of them fail.
struct RenameCalls {
  int (*renameat2)(int, const char*, int, const char*, unsigned) = ::renameat2;
  int (*renameat)(int, const char*, int, const char*) = ::renameat;
  int (*linkat)(int, const char*, int, const char*, int) = ::linkat;
  int (*unlinkat)(int, const char*, int) = ::unlinkat;
};

/// The renames of one set, in their order.
class Replacements {
 public:
  /// Both descriptors are of directories, on one file system, and must stay open.
  Replacements(int staging, int directory, RenameCalls calls = {})
      : staging_(staging), directory_(directory), calls_(calls) {}

  /// Gives `name` of the staging directory that name in the directory. Returns 0 or what errno
  /// says; then nothing has changed. A directory of that name is not replaced (EISDIR).
  int replace(const std::string& name);

  /// Whether all that was done can be undone.
  [[nodiscard]] bool reversible() const noexcept;

  /// Undoes all, the last first, as far as it can. Returns the names that hold the new file still.
  std::vector<std::string> undo();

 private:
  enum class WayBack : std::uint8_t { remove, exchange, rename_link, none };
  struct Done {
    std::string name;
    WayBack way_back;
  };

  int create(const std::string& name, Done& done) const;
  int replace_linked(const std::string& name, Done& done);
  [[nodiscard]] int undo(std::size_t index) const;
  static std::string old_name(std::size_t index) { return ".old-" + std::to_string(index); }

  int staging_;
  int directory_;
  RenameCalls calls_;
  std::vector<Done> done_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_REPLACEMENT_H_
