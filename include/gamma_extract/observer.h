#ifndef GAMMA_EXTRACT_OBSERVER_H_
#define GAMMA_EXTRACT_OBSERVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "gamma_extract/stop.h"

/// What a run shares with whoever watches it: how far it is, what it warns of, and whether to stop.
namespace gamma_extract {

/// What a run waits for just now, in words for a person: "the Hub asks to wait until 14:03:22".
/// Written and read from any thread.
class Note {
 public:
  void set(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  void clear() { set(""); }
  /// Empty where there is nothing to tell.
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

/// How far a run has come, for a progress bar. Written by the run, read at any time.
struct Progress {
  std::atomic<std::uint64_t> total{0};  ///< bytes to read and write in all; 0 until it is known
  std::atomic<std::uint64_t> done{0};   ///< bytes read and written so far

  std::atomic<std::uint64_t> to_fetch{0};  ///< bytes of the matrix that come over the network
  std::atomic<std::uint64_t> fetched{0};   ///< those that are here
  Note note;
};

/// Whoever watches a run.
struct Observer {
  const StopFlag& stop;
  Progress& progress;
  /// Called as a warning comes up, from any thread. The report holds it too.
  std::function<void(const std::string&)> warn;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_OBSERVER_H_
