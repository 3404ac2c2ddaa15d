#ifndef GAMMA_EXTRACT_WORKERS_H_
#define GAMMA_EXTRACT_WORKERS_H_

#include <functional>

/// Threads that do one piece of work together.
namespace gamma_extract {

/// `wanted`, or where that is 0 as many threads as the process may use at once; never 0.
unsigned usable_threads(unsigned wanted);

/// Asks whether to go on: false once another worker has failed.
using KeepGoing = std::function<bool()>;

/// Calls `work` from `count` threads, the calling one among them, and waits for all. Throws what
/// the first of them to fail threw. Where no more threads can be had, fewer do the work: so `work`
/// takes its pieces from a common store until there are none.
void run_workers(unsigned count, const std::function<void(const KeepGoing&)>& work);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_WORKERS_H_
