#ifndef GAMMA_EXTRACT_PROCESS_H_
#define GAMMA_EXTRACT_PROCESS_H_

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <string>

#include "temporary_directory.h"

namespace gamma_extract::testing {

/// What became of a child process.
struct Outcome {
  int code = -1;    ///< its exit code, or -1
  int signal = 0;   ///< the signal that ended it, or 0
  std::string out;  ///< what it wrote to standard output
  std::string err;  ///< what it wrote to standard error
};

/// Runs `body` in a child process, whose exit code is what it returns: for what changes signals,
/// standard descriptors or the environment. Standard output and error go to files.
inline Outcome run_in_child(const std::function<int()>& body) {
  const TemporaryDirectory directory;
  const std::string out = directory / "out";
  const std::string err = directory / "err";
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 99;
    if (std::freopen(out.c_str(), "w", stdout) != nullptr &&
        std::freopen(err.c_str(), "w", stderr) != nullptr) {
      try {
        code = body();
      } catch (const std::exception& error) {
        std::fprintf(stderr, "uncaught: %s\n", error.what());
      }
      std::fflush(nullptr);
    }
    ::_exit(code);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  Outcome outcome;
  if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  outcome.out = read_file(out);
  outcome.err = read_file(err);
  return outcome;
}

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_PROCESS_H_
