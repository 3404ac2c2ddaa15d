#include "directory_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <optional>
#include <thread>

#include "gamma_extract/source.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

using testing::TemporaryDirectory;

Descriptor open_directory(const TemporaryDirectory& directory) {
  return Descriptor(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

TEST(DirectoryLockTest, ExcludesUntilTheEndOfTheScope) {
  const TemporaryDirectory directory;
  const Descriptor one = open_directory(directory);
  const Descriptor two = open_directory(directory);
  {
    const DirectoryLock lock(one.get(), StopFlag(), [] {});
    EXPECT_TRUE(lock.held());
    EXPECT_EQ(try_lock(two.get()), LockResult::busy);
  }
  EXPECT_EQ(try_lock(two.get()), LockResult::taken);
}

TEST(DirectoryLockTest, WaitsUntilItIsFree) {
  const TemporaryDirectory directory;
  const Descriptor one = open_directory(directory);
  const Descriptor two = open_directory(directory);
  std::optional<DirectoryLock> first;
  first.emplace(one.get(), StopFlag(), [] {});
  bool held = false;
  std::thread waiter([&] { held = DirectoryLock(two.get(), StopFlag(), [] {}).held(); });
  first.reset();
  waiter.join();
  EXPECT_TRUE(held);
}

TEST(DirectoryLockTest, LongWaitIsToldAndStopEndsIt) {
  const TemporaryDirectory directory;
  const Descriptor one = open_directory(directory);
  const Descriptor two = open_directory(directory);
  StopFlag stop;
  const DirectoryLock first(one.get(), stop, [] {});
  const auto told = [&] { stop.request(SIGINT); };
  EXPECT_THROW(DirectoryLock(two.get(), stop, told), Stopped);
}

TEST(DirectoryLockTest, GoesOnWithoutLocks) {
  const DirectoryLock lock(-1, StopFlag(), [] {});
  EXPECT_FALSE(lock.held());
}

}  // namespace
}  // namespace gamma_extract
