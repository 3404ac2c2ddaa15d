#ifndef GAMMA_EXTRACT_STOP_H_
#define GAMMA_EXTRACT_STOP_H_

#include <atomic>
#include <exception>

/// How a run is asked to end early.
///
/// A signal handler may do little more than set a flag. So the flag is set there, and every loop
/// over blocks, and every system call that a signal interrupts, looks at it: the run then ends by
/// an exception, which releases what it owns (staged files, locks, created directories) as any
/// error does. Only the command line knows about signals; the library sees a number.
namespace gamma_extract {

/// Thrown where a stop is noticed. No Error: nothing is wrong, and nothing is to be printed.
class Stopped : public std::exception {
 public:
  explicit Stopped(int signal) noexcept : signal_(signal) {}
  [[nodiscard]] int signal() const noexcept { return signal_; }
  [[nodiscard]] const char* what() const noexcept override { return "stopped by a signal"; }

 private:
  int signal_;
};

/// A flag that holds the number of the signal which asked for the stop, or 0.
class StopFlag {
 public:
  /// Async-signal-safe.
  void request(int signal) noexcept { signal_.store(signal, std::memory_order_relaxed); }

  [[nodiscard]] int signal() const noexcept { return signal_.load(std::memory_order_relaxed); }

  /// Throws Stopped if a stop was requested.
  void check() const {
    if (const int requested = signal(); requested != 0) throw Stopped(requested);
  }

 private:
  static_assert(std::atomic<int>::is_always_lock_free);
  std::atomic<int> signal_{0};
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_STOP_H_
