#include "clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>

namespace gamma_extract {
namespace {

using std::chrono::milliseconds;

TEST(ClockTest, WaitsAtLeastSoLongAndChecksBeforeAndAfter) {
  const Clock real;
  int checked = 0;
  const Instant begin = real.now();
  real.wait(milliseconds(20), [&] { ++checked; });
  EXPECT_GE(real.now() - begin, milliseconds(20));
  EXPECT_GE(checked, 2);
}

TEST(ClockTest, AWaitEndsWithACheckThatThrows) {
  const Clock real;
  int checked = 0;
  // Without its end this test would last a day.
  EXPECT_THROW(real.wait(std::chrono::hours(24),
                         [&] {
                           if (++checked == 2) throw std::runtime_error("enough");
                         }),
               std::runtime_error);
}

}  // namespace
}  // namespace gamma_extract
