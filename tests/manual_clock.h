#ifndef GAMMA_EXTRACT_TESTS_MANUAL_CLOCK_H_
#define GAMMA_EXTRACT_TESTS_MANUAL_CLOCK_H_

#include <chrono>
#include <ctime>
#include <mutex>
#include <utility>

#include "clock.h"

namespace gamma_extract::testing {

/// Time that passes when a test says so.
class ManualClock {
 public:
  static constexpr std::time_t begin = 1'700'000'000;  ///< Tue, 14 Nov 2023 22:13:20 GMT

  void pass(std::chrono::milliseconds time) {
    const std::lock_guard lock(mutex_);
    passed_ += time;
  }
  [[nodiscard]] std::chrono::milliseconds passed() const {
    const std::lock_guard lock(mutex_);
    return passed_;
  }

  /// For as long as this lives. `wait` says what happens during a wait.
  [[nodiscard]] Clock clock_that_waits(decltype(Clock::wait) wait) {
    using std::chrono::seconds;
    return {.now = [this] { return Instant(passed()); },
            .time_of_day =
                [this] { return begin + std::chrono::duration_cast<seconds>(passed()).count(); },
            .wait = std::move(wait)};
  }

 private:
  mutable std::mutex mutex_;
  std::chrono::milliseconds passed_{0};
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TESTS_MANUAL_CLOCK_H_
