#ifndef GAMMA_EXTRACT_STAGING_DIRECTORY_H_
#define GAMMA_EXTRACT_STAGING_DIRECTORY_H_

#include <string>

#include "gamma_extract/source.h"

/// A directory `.gamma-extract-XXXXXX` inside the output directory, in which a run's files grow.
///
/// It is inside, so that its files are on the same file system as their final names, inherit the
/// directory's group and default ACL, and are found by the next run if this one is killed. Its own
/// lock (flock) lives as long as the run: one whose lock can be taken belongs to a dead run.
/// Staging directories are created, and dead ones removed, only while the output directory's lock
/// is held, so that no cleaner meets one which is not locked yet.
///
/// All paths are relative to open descriptors and no symbolic link is followed, so that an output
/// directory which is renamed or swapped meanwhile does no harm elsewhere.
namespace gamma_extract {

class StagingDirectory {
 public:
  /// Creates it in the directory open as `parent`, which must stay open, with mode 0700. `lock`
  /// says whether to lock it; without a lock it is safe only where no run can lock anything. Throws
  /// std::system_error; ENOENT says that the parent was removed.
  StagingDirectory(int parent, bool lock);
  StagingDirectory(const StagingDirectory&) = delete;
  StagingDirectory& operator=(const StagingDirectory&) = delete;
  /// Unless kept, removes the directory and the files in it.
  ~StagingDirectory();

  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Leaves the directory and its files to the next run.
  void keep() noexcept { kept_ = true; }

 private:
  int create();

  int parent_;
  std::string name_;
  Descriptor descriptor_;
  bool kept_ = false;
};

/// Removes the staging directories of dead runs from the directory open as `parent`: the files in
/// them, and then the directories, if nothing else is in them.
void remove_dead_staging(int parent) noexcept;

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_STAGING_DIRECTORY_H_
