#ifndef GAMMA_EXTRACT_CLOCK_H_
#define GAMMA_EXTRACT_CLOCK_H_

#include <chrono>
#include <ctime>
#include <functional>

/// Time, for what waits or tells how long it will: the real one, unless another is given. A test
/// gives one that passes when it is waited for and not otherwise, so that what it expects hangs on
/// no machine's speed.
namespace gamma_extract {

using Instant = std::chrono::steady_clock::time_point;

/// Waits so long; `check` is called at least every 100 ms meanwhile, and may throw.
void wait_and_check(std::chrono::milliseconds time, const std::function<void()>& check);

struct Clock {
  std::function<Instant()> now = std::chrono::steady_clock::now;
  std::function<std::time_t()> time_of_day = [] { return std::time(nullptr); };
  /// As `wait_and_check`.
  std::function<void(std::chrono::milliseconds, const std::function<void()>& check)> wait =
      wait_and_check;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_CLOCK_H_
