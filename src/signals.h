#ifndef GAMMA_EXTRACT_SIGNALS_H_
#define GAMMA_EXTRACT_SIGNALS_H_

#include "gamma_extract/stop.h"

/// Signals: from the operating system to the stop flag, and back.
namespace gamma_extract::cli {

/// Installs handlers for INT, TERM and HUP that request a stop, except for those that were ignored
/// when the program was started (nohup, a background job); ignores XFSZ and PIPE, so that writing
/// returns an error instead. Returns the flag, which lives as long as the process.
StopFlag& install_signal_handlers();

/// Whether PIPE had its default action when the program was started.
bool pipe_was_default();

/// Gives the signal its default action back and raises it: the shell sees 128 + n.
[[noreturn]] void die_by(int signal);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_SIGNALS_H_
