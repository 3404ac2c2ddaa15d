#ifndef GAMMA_EXTRACT_OBSERVER_H_
#define GAMMA_EXTRACT_OBSERVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "gamma_extract/stop.h"

/// What a run shares with whoever watches it: how far it is, what it warns of, and whether to stop.
namespace gamma_extract {

/// How far a run has come, for a progress bar. Written by the run, read at any time.
struct Progress {
  std::atomic<std::uint64_t> total{0};  ///< bytes to read and write in all; 0 until it is known
  std::atomic<std::uint64_t> done{0};   ///< bytes read and written so far
};

/// Whoever watches a run.
struct Observer {
  const StopFlag& stop;
  Progress& progress;
  /// Called as a warning comes up, from the calling thread. The report holds it too.
  std::function<void(const std::string&)> warn;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_OBSERVER_H_
