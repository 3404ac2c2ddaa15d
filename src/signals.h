#ifndef GAMMA_EXTRACT_SIGNALS_H_
#define GAMMA_EXTRACT_SIGNALS_H_

#include "gamma_extract/stop.h"

/// Signals: from the operating system to the stop flag, and back.
namespace gamma_extract::cli {

struct Signals {
  const StopFlag& stop;           ///< lives as long as the process
  bool pipe_was_default = false;  ///< whether PIPE would have ended the program when it started
};

/// Installs handlers for INT, TERM and HUP that request a stop, except for those that were ignored
/// when the program was started (nohup, a background job); ignores XFSZ and PIPE, so that writing
/// returns an error instead. Call it once.
///
/// The handlers stay after the first signal: `timeout` and a terminal that closes send more than
/// one, and the second must not cut the cleaning up short. Interrupted system calls are not
/// restarted, so that whoever waits in one can look at the flag.
Signals install_signal_handlers();

/// Gives the signal its default action back and raises it: the shell sees 128 + n.
[[noreturn]] void die_by(int signal);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_SIGNALS_H_
