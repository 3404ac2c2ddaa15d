#include "signals.h"

#include <signal.h>
#include <unistd.h>

namespace gamma_extract::cli {
namespace {

// The one global variable of the program: a signal handler can reach nothing else.
StopFlag stop_flag;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

extern "C" void request_stop(int signal) {
  stop_flag.request(signal);
}

void set_action(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

auto handler_of(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler;
}

}  // namespace

Signals install_signal_handlers() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (handler_of(signal) != SIG_IGN) set_action(signal, request_stop);
  }
  const bool pipe_was_default = handler_of(SIGPIPE) == SIG_DFL;
  set_action(SIGPIPE, SIG_IGN);
  set_action(SIGXFSZ, SIG_IGN);
  return {.stop = stop_flag, .pipe_was_default = pipe_was_default};
}

void die_by(int signal) {
  set_action(signal, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  static_cast<void>(::raise(signal));
  ::_exit(128 + signal);  // not reached, unless the signal ends no process by default
}

}  // namespace gamma_extract::cli
