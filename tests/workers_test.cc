#include "workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>

namespace gamma_extract {
namespace {

TEST(WorkersTest, EachWorkerRunsOnce) {
  std::atomic<int> runs{0};
  run_workers(5, [&](const KeepGoing&) { ++runs; });
  EXPECT_EQ(runs, 5);
}

TEST(WorkersTest, OneWorkerIsTheCallingThread) {
  std::thread::id id;
  run_workers(1, [&](const KeepGoing&) { id = std::this_thread::get_id(); });
  EXPECT_EQ(id, std::this_thread::get_id());
}

TEST(WorkersTest, AFailureStopsTheOthersAndIsThrown) {
  std::atomic<int> next{0};
  const auto work = [&](const KeepGoing& keep_going) {
    if (next++ == 0) throw std::runtime_error("first");
    while (keep_going()) std::this_thread::yield();  // for ever, but for the failure
  };
  EXPECT_THROW(run_workers(3, work), std::runtime_error);
}

}  // namespace
}  // namespace gamma_extract
