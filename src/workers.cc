#include "workers.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace gamma_extract {
namespace {

/// The cores that this process may use; hardware_concurrency() counts all that there are.
unsigned usable_cores() {
  cpu_set_t usable;
  if (::sched_getaffinity(0, sizeof usable, &usable) == 0) {
    return static_cast<unsigned>(CPU_COUNT(&usable));
  }
  return std::max(1U, std::thread::hardware_concurrency());  // more than the set has room for
}

}  // namespace

unsigned usable_threads(unsigned wanted) {
  return wanted != 0 ? wanted : usable_cores();
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
