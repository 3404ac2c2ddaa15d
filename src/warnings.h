#ifndef GAMMA_EXTRACT_WARNINGS_H_
#define GAMMA_EXTRACT_WARNINGS_H_

#include <mutex>
#include <string>
#include <vector>

#include "gamma_extract/observer.h"

namespace gamma_extract {

/// Passes warnings on to whoever watches, and keeps them for the report.
class Warnings {
 public:
  explicit Warnings(const Observer& watcher)
      : watcher_(watcher),
        observer_{.stop = watcher.stop,
                  .progress = watcher.progress,
                  .warn = [this](const std::string& text) { add(text); }} {}
  Warnings(const Warnings&) = delete;
  Warnings& operator=(const Warnings&) = delete;
  ~Warnings() = default;

  /// What to hand to everything that may warn. Lives as long as this.
  [[nodiscard]] const Observer& observer() const noexcept { return observer_; }

  [[nodiscard]] std::vector<std::string> texts() const {
    const std::lock_guard lock(mutex_);
    return texts_;
  }

 private:
  void add(const std::string& text) {
    {
      const std::lock_guard lock(mutex_);
      texts_.push_back(text);
    }
    watcher_.warn(text);
  }

  const Observer& watcher_;
  const Observer observer_;
  mutable std::mutex mutex_;
  std::vector<std::string> texts_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_WARNINGS_H_
