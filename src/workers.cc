#include "workers.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace gamma_extract {

unsigned usable_threads(unsigned wanted) {
  return wanted != 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
}

void run_workers(unsigned count, const std::function<void(const KeepGoing&)>& work) {
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::exception_ptr first;
  const KeepGoing keep_going = [&failed] { return !failed.load(std::memory_order_relaxed); };
  const auto guarded = [&] {
    try {
      work(keep_going);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!first) first = std::current_exception();
      failed = true;
    }
  };
  {
    std::vector<std::jthread> threads;
    threads.reserve(count);
    try {
      while (threads.size() + 1 < count) threads.emplace_back(guarded);
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch)
      // No more threads (a limit of the system or the user): those that run do all the work.
    }
    guarded();
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace gamma_extract
