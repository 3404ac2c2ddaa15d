#ifndef GAMMA_EXTRACT_TESTS_WATCHER_H_
#define GAMMA_EXTRACT_TESTS_WATCHER_H_

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "gamma_extract/observer.h"

namespace gamma_extract::testing {

/// Watches a run, and keeps what it was warned of.
class Watcher {
 public:
  [[nodiscard]] const Observer& observer() const { return observer_; }
  [[nodiscard]] std::vector<std::string> warnings() const {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }

  StopFlag stop;
  Progress progress;
  std::function<void()> on_warning = [] {};

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> warnings_;
  Observer observer_{.stop = stop, .progress = progress, .warn = [this](const std::string& text) {
                       {
                         const std::lock_guard lock(mutex_);
                         warnings_.push_back(text);
                       }
                       on_warning();
                     }};
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TESTS_WATCHER_H_
