#ifndef GAMMA_EXTRACT_TURNS_H_
#define GAMMA_EXTRACT_TURNS_H_

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "workers.h"

/// What threads do block by block in any order, and must do in order for a moment.
namespace gamma_extract {

class Turns {
 public:
  /// Waits until all smaller indexes have had their turn, and calls `work`. Returns false, without
  /// calling it, once `keep_going` says that another worker has failed, whose turn may never come.
  /// Whoever takes indexes in increasing order cannot wait for ever.
  template <class Work>
  bool take(std::uint64_t index, const KeepGoing& keep_going, const Work& work) {
    std::unique_lock lock(mutex_);
    while (next_ != index) {
      if (!keep_going()) return false;
      changed_[index % changed_.size()].wait_for(lock, look_again);
    }
    work_and_pass_on(lock, work);
    return true;
  }

  /// The same without waiting: returns false where the turn has not come yet, or another thread is
  /// having it.
  template <class Work>
  bool take_now(std::uint64_t index, const Work& work) {
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock() || next_ != index) return false;
    work_and_pass_on(lock, work);
    return true;
  }

 private:
  template <class Work>
  void work_and_pass_on(std::unique_lock<std::mutex>& lock, const Work& work) {
    work();
    std::condition_variable& changed = changed_[++next_ % changed_.size()];
    lock.unlock();
    changed.notify_all();
  }

  static constexpr std::chrono::milliseconds look_again{20};

  std::mutex mutex_;
  // Several, so that not everybody who waits is woken each time.
  std::array<std::condition_variable, 64> changed_;
  std::uint64_t next_ = 0;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_TURNS_H_
