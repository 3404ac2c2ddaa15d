#ifndef GAMMA_EXTRACT_RUN_PROGRAM_H_
#define GAMMA_EXTRACT_RUN_PROGRAM_H_

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "temporary_directory.h"

namespace gamma_extract::testing {

/// Where the build has put the program under test.
extern const char* const program_path;

/// How a run of the real program ended, and what it printed.
struct Outcome {
  int exit_code = -1;  ///< -1 if it was ended by a signal
  int signal = 0;
  bool core_dumped = false;
  std::string out;
  std::string err;
};

/// The program under test, running. Its standard output and error go to files, so that nothing it
/// prints can block it.
class Program {
 public:
  /// Starts `path arguments`. `in_child` is called in the child before exec, to set limits, signal
  /// dispositions, the environment, the working directory, or other standard streams.
  Program(const std::filesystem::path& path, std::vector<std::string> arguments,
          const std::function<void()>& in_child = {}) {
    arguments.insert(arguments.begin(), path.string());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    process_ = ::fork();
    if (process_ < 0) throw std::runtime_error("cannot fork");
    if (process_ == 0) {
      redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
      redirect(STDOUT_FILENO, streams_ / "out", O_WRONLY | O_CREAT);
      redirect(STDERR_FILENO, streams_ / "err", O_WRONLY | O_CREAT);
      if (in_child) in_child();
      ::execv(path.c_str(), argv.data());
      ::_exit(127);
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (process_ > 0) {
      kill(SIGKILL);
      wait();
    }
  }

  [[nodiscard]] pid_t process() const { return process_; }
  void kill(int signal) const { ::kill(process_, signal); }

  /// Waits for the end.
  Outcome wait() {
    int status = 0;
    if (::waitpid(process_, &status, 0) != process_) throw std::runtime_error("cannot wait");
    process_ = -1;
    Outcome outcome;
    if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) {
      outcome.signal = WTERMSIG(status);
      outcome.core_dumped = WCOREDUMP(status);
    }
    outcome.out = read_file(streams_ / "out");
    outcome.err = read_file(streams_ / "err");
    return outcome;
  }

 private:
  static void redirect(int descriptor, const std::filesystem::path& path, int flags) {
    const int opened = ::open(path.c_str(), flags, 0600);
    if (opened < 0 || ::dup2(opened, descriptor) != descriptor) ::_exit(126);
    if (opened != descriptor) ::close(opened);
  }

  TemporaryDirectory streams_;
  pid_t process_ = -1;
};

/// Runs the program under test (the CMake target gamma-extract) to its end.
inline Outcome run_program(std::vector<std::string> arguments,
                           const std::function<void()>& in_child = {}) {
  return Program(program_path, std::move(arguments), in_child).wait();
}

/// For `in_child`: whom permissions hold for, which they do not for root. Where others than root
/// may not run the program in its build folder, the run's exit code is 127.
inline void become_nobody() {
  constexpr unsigned nobody = 65534;
  if (::geteuid() == 0 &&
      (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0)) {
    ::_exit(126);
  }
}

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_RUN_PROGRAM_H_
