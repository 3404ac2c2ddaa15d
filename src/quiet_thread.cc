#include "quiet_thread.h"

#include <signal.h>

#include <utility>

namespace gamma_extract {
namespace {

/// Blocks every signal in the calling thread, whose children inherit that, until its end.
class BlockedSignals {
 public:
  BlockedSignals() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

std::thread quiet_thread(std::function<void()> work) {
  const BlockedSignals blocked;
  return std::thread(std::move(work));
}

}  // namespace gamma_extract
