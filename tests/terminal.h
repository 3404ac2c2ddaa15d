#ifndef GAMMA_EXTRACT_TERMINAL_H_
#define GAMMA_EXTRACT_TERMINAL_H_

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

namespace gamma_extract::testing {

/// Both ends of a terminal of so many columns.
class Terminal {
 public:
  explicit Terminal(unsigned short columns) {
    struct winsize size {};
    size.ws_col = columns;
    size.ws_row = 24;
    if (::openpty(&controller_, &terminal_, nullptr, nullptr, &size) != 0) {
      throw std::runtime_error("cannot open a terminal");
    }
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    let_go();
    hang_up();
  }

  /// In the child: a session of its own, which this terminal controls.
  void adopt() const {
    ::close(controller_);
    ::setsid();
    ::ioctl(terminal_, TIOCSCTTY, 0);
    ::dup2(terminal_, STDIN_FILENO);
    ::dup2(terminal_, STDERR_FILENO);
  }

  /// In a child that stays in its session: its errors are shown here.
  void show_errors() const { ::dup2(terminal_, STDERR_FILENO); }

  /// The end from which a terminal emulator would read.
  int controller() const { return controller_; }

  /// Closes this process's copy of the program's end, so that reading meets its end.
  void let_go() { ::close(std::exchange(terminal_, -1)); }

  /// What a closed window or a lost connection does.
  void hang_up() { ::close(std::exchange(controller_, -1)); }

  void type(char key) const { EXPECT_EQ(::write(controller_, &key, 1), 1); }

  /// All that is printed until the program ends; `seen` is shown what there is after each piece.
  std::string read_all(const std::function<void(const std::string&)>& seen) const {
    std::string text;
    char piece[4096];
    for (ssize_t count = 0; (count = ::read(controller_, piece, sizeof piece)) > 0;) {
      text.append(piece, static_cast<std::size_t>(count));
      seen(text);
    }
    return text;
  }

 private:
  int controller_ = -1;
  int terminal_ = -1;
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TERMINAL_H_
