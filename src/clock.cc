#include "clock.h"

#include <algorithm>
#include <thread>

namespace gamma_extract {

void wait_and_check(std::chrono::milliseconds time, const std::function<void()>& check) {
  constexpr auto slice = std::chrono::milliseconds(100);
  const auto end = std::chrono::steady_clock::now() + time;
  check();
  for (auto now = std::chrono::steady_clock::now(); now < end;
       now = std::chrono::steady_clock::now()) {
    std::this_thread::sleep_for(
        std::min(slice, std::chrono::ceil<std::chrono::milliseconds>(end - now)));
    check();
  }
}

}  // namespace gamma_extract
