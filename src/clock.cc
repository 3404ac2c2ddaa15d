#include "clock.h"

#include <algorithm>
#include <thread>

namespace gamma_extract {

void wait_and_check(std::chrono::milliseconds time, const std::function<void()>& check) {
  using std::chrono::steady_clock;
  constexpr auto slice = std::chrono::milliseconds(100);
  const Instant end = steady_clock::now() + time;
  check();
  for (Instant now = steady_clock::now(); now < end; now = steady_clock::now()) {
    std::this_thread::sleep_for(
        std::min(slice, std::chrono::ceil<std::chrono::milliseconds>(end - now)));
    check();
  }
}

}  // namespace gamma_extract
