#include "turns.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace gamma_extract {
namespace {

TEST(TurnsTest, IndexesHaveTheirTurnInOrder) {
  for (unsigned threads = 1; threads <= 8; ++threads) {
    Turns turns;
    std::atomic<std::uint64_t> next{0};
    std::vector<std::uint64_t> order;  // only touched in turn
    run_workers(threads, [&](const KeepGoing& keep_going) {
      for (std::uint64_t i = next++; i < 1000; i = next++) {
        if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));  // be overtaken
        EXPECT_TRUE(turns.take(i, keep_going, [&] { order.push_back(i); }));
      }
    });
    ASSERT_EQ(order.size(), 1000U);
    for (std::uint64_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i);
  }
}

TEST(TurnsTest, NobodyWaitsForAWorkerThatFailed) {
  Turns turns;
  bool worked = false;
  EXPECT_FALSE(turns.take(
      1, [] { return false; }, [&] { worked = true; }));
  EXPECT_FALSE(worked);
}

TEST(TurnsTest, WhoseTurnHasNotComeIsToldSoAtOnce) {
  Turns turns;
  std::vector<int> order;
  EXPECT_FALSE(turns.take_now(1, [&] { order.push_back(1); }));
  EXPECT_TRUE(turns.take_now(0, [&] { order.push_back(0); }));
  EXPECT_FALSE(turns.take_now(0, [&] { order.push_back(0); }));
  EXPECT_TRUE(turns.take_now(1, [&] { order.push_back(1); }));
  EXPECT_EQ(order, (std::vector<int>{0, 1}));
}

}  // namespace
}  // namespace gamma_extract
