#include "standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <system_error>

#include "gamma_extract/error.h"

namespace gamma_extract::cli {
namespace {

/// Waits until a descriptor that does not block can be written again.
void wait_for_room(int descriptor) noexcept {
  struct pollfd poll {
    .fd = descriptor, .events = POLLOUT, .revents = 0
  };
  ::poll(&poll, 1, -1);
}

/// Writes a part of `text`, and returns what is left of it, or sets `error_number`.
std::string_view write_some(int descriptor, std::string_view text, int& error_number) noexcept {
  error_number = 0;
  const ssize_t written = ::write(descriptor, text.data(), text.size());
  if (written >= 0) return text.substr(static_cast<std::size_t>(written));
  error_number = errno;
  if (error_number == EAGAIN || error_number == EWOULDBLOCK) {
    wait_for_room(descriptor);
    error_number = EINTR;
  }
  return text;
}

[[noreturn]] void fail_output(int error_number, const Signals& signals,
                              std::string_view consequence) {
  if (error_number == EPIPE && signals.pipe_was_default) throw Stopped(SIGPIPE);
  fail(Fault::output_stdout, "standard output: cannot write: {}; {}", system_message(error_number),
       consequence);
}

}  // namespace

void occupy_standard_descriptors() noexcept {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    // For reading alone, so that a report to a closed standard output is still seen to fail. The
    // lowest free number is this one, as those below are taken.
    if (::fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) ::open("/dev/null", O_RDONLY);
  }
}

void write_standard_output(std::string_view text, const Signals& signals,
                           std::string_view consequence) {
  while (!text.empty()) {
    int error_number = 0;
    text = write_some(STDOUT_FILENO, text, error_number);
    if (error_number == EINTR) {
      signals.stop.check();
    } else if (error_number != 0) {
      fail_output(error_number, signals, consequence);
    }
  }
  // Some file systems tell only at closing that the disk is full. A duplicate does it, so that the
  // number stays taken.
  const int duplicate = ::dup(STDOUT_FILENO);
  if (duplicate >= 0 && ::close(duplicate) != 0 && errno != EINTR) {
    fail_output(errno, signals, consequence);
  }
}

void write_standard_error(std::string_view text) noexcept {
  int error_number = 0;
  while (!text.empty() && (error_number == 0 || error_number == EINTR)) {
    text = write_some(STDERR_FILENO, text, error_number);
  }
}

std::size_t terminal_columns(int descriptor) {
  struct winsize size {};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* const variable = ::getenv("COLUMNS");  // NOLINT(concurrency-mt-unsafe): none is set
  const std::string_view columns = variable == nullptr ? "" : variable;
  std::size_t value = 0;
  const auto [rest, error] =
      std::from_chars(columns.data(), columns.data() + columns.size(), value);
  return error == std::errc() && value > 0 ? value : 80;
}

}  // namespace gamma_extract::cli
