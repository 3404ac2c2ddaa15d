#include "directory_lock.h"

#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <thread>

namespace gamma_extract {
namespace {

constexpr std::chrono::milliseconds poll_interval{20};
constexpr int polls_until_told = 100;

}  // namespace

LockResult try_lock(int directory) noexcept {
  if (::flock(directory, LOCK_EX | LOCK_NB) == 0) return LockResult::taken;
  return errno == EWOULDBLOCK || errno == EINTR ? LockResult::busy : LockResult::unsupported;
}

DirectoryLock::DirectoryLock(int directory, const StopFlag& stop,
                             const std::function<void()>& long_wait)
    : directory_(directory) {
  LockResult result = try_lock(directory);
  for (int polls = 1; result == LockResult::busy; ++polls) {
    stop.check();
    if (polls == polls_until_told) long_wait();
    std::this_thread::sleep_for(poll_interval);
    result = try_lock(directory);
  }
  held_ = result == LockResult::taken;
}

DirectoryLock::~DirectoryLock() {
  if (held_) ::flock(directory_, LOCK_UN);
}

}  // namespace gamma_extract
