#ifndef GAMMA_EXTRACT_TESTS_WATCHED_H_
#define GAMMA_EXTRACT_TESTS_WATCHED_H_

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "gamma_extract/observer.h"

namespace gamma_extract::testing {

/// Watches a run, and keeps its warnings.
class Watched {
 public:
  StopFlag stop;
  Progress progress;
  std::function<void()> on_warning = [] {};

  Observer observer() {
    return {.stop = stop, .progress = progress, .warn = [this](const std::string& text) {
              {
                const std::lock_guard lock(mutex_);
                warnings_.push_back(text);
              }
              on_warning();
            }};
  }

  [[nodiscard]] std::vector<std::string> warnings() const {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> warnings_;
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TESTS_WATCHED_H_
