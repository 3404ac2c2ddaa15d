#ifndef GAMMA_EXTRACT_DIRECTORY_LOCK_H_
#define GAMMA_EXTRACT_DIRECTORY_LOCK_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "gamma_extract/stop.h"

/// flock(2) on a directory: a lock that the kernel drops with its owner, however that ends, and
/// that leaves no lock file behind. It belongs to the open descriptor, so that two descriptors of
/// one process exclude each other as two processes do.
namespace gamma_extract {

enum class LockResult : std::uint8_t {
  taken,
  busy,         ///< another holds it
  unsupported,  ///< this file system has no locks, or none on directories (as NFS)
};

/// Tries to take the lock of the directory that is open as `directory`, without waiting.
LockResult try_lock(int directory) noexcept;

/// Holds the lock of the directory that is open as `directory` (which must stay open) until the end
/// of the scope.
class DirectoryLock {
 public:
  /// Waits for the lock; `long_wait` is called once if that takes seconds. Throws Stopped.
  ///
  /// The wait polls. A flock that blocks would miss a stop which is asked for just before it
  /// sleeps, or whose signal is handled by another thread.
  DirectoryLock(int directory, const StopFlag& stop, const std::function<void()>& long_wait);
  DirectoryLock(DirectoryLock&& other) noexcept
      : directory_(other.directory_), held_(std::exchange(other.held_, false)) {}
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock();

  /// False where locks are unsupported.
  [[nodiscard]] bool held() const noexcept { return held_; }

 private:
  int directory_;
  bool held_ = false;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_DIRECTORY_LOCK_H_
