#include "standard_streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "expect_fault.h"
#include "process.h"

namespace gamma_extract::cli {
namespace {

using testing::Outcome;
using testing::run_in_child;

/// Replaces standard output by `descriptor`.
void send_output_to(int descriptor) {
  ::dup2(descriptor, STDOUT_FILENO);
}

/// What a child says of a write to standard output, on standard error.
std::string failure(const std::function<void()>& set_up) {
  const Outcome outcome = run_in_child([&set_up] {
    set_up();
    const StopFlag stop;
    try {
      write_standard_output("text", Signals{.stop = stop, .pipe_was_default = false}, "REST");
    } catch (const Error& error) {
      write_standard_error(error.what());
      return exit_code(error.fault());
    }
    return 0;
  });
  EXPECT_EQ(outcome.code, 4);
  return outcome.err;
}

TEST(StandardStreamsTest, FullDisk) {
  EXPECT_EQ(failure([] { send_output_to(::open("/dev/full", O_WRONLY)); }),
            "standard output: cannot write: No space left on device; REST");
}

TEST(StandardStreamsTest, ClosedOutput) {
  EXPECT_EQ(failure([] { ::close(STDOUT_FILENO); }),
            "standard output: cannot write: Bad file descriptor; REST");
}

TEST(StandardStreamsTest, NoFileTakesTheNumberOfAClosedStream) {
  EXPECT_EQ(failure([] {
              ::close(STDIN_FILENO);
              ::close(STDOUT_FILENO);
              occupy_standard_descriptors();
              EXPECT_GT(::open("/dev/null", O_RDWR), STDERR_FILENO);
            }),
            "standard output: cannot write: Bad file descriptor; REST");
}

TEST(StandardStreamsTest, OpenStreamsStayWhatTheyAre) {
  const Outcome outcome = run_in_child([] {
    occupy_standard_descriptors();
    const StopFlag stop;
    write_standard_output("out", Signals{.stop = stop}, "");
    write_standard_error("err");
    return 0;
  });
  EXPECT_EQ(outcome.out, "out");
  EXPECT_EQ(outcome.err, "err");
}

TEST(StandardStreamsTest, AReaderThatWentAway) {
  const auto write_to_broken_pipe = [](bool pipe_was_default) {
    return run_in_child([pipe_was_default] {
      ::signal(SIGPIPE, SIG_IGN);
      int ends[2];
      if (::pipe(ends) != 0) return 98;
      ::close(ends[0]);
      send_output_to(ends[1]);
      const StopFlag stop;
      try {
        write_standard_output("text", Signals{stop, pipe_was_default}, "REST");
      } catch (const Stopped& stopped) {
        return stopped.signal();
      } catch (const Error& error) {
        return exit_code(error.fault());
      }
      return 0;
    });
  };
  EXPECT_EQ(write_to_broken_pipe(true).code, SIGPIPE);
  EXPECT_EQ(write_to_broken_pipe(false).code, 4);
}

/// A megabyte through a pipe whose reader is slow, and whose writing end does not block.
TEST(StandardStreamsTest, WaitsForASlowReader) {
  const Outcome outcome = run_in_child([] {
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK) != 0) return 98;
    ::fcntl(ends[0], F_SETFL, 0);
    send_output_to(ends[1]);
    ::close(ends[1]);
    std::size_t received = 0;
    std::thread reader([&received, end = ends[0]] {
      std::string buffer(10'000, '\0');
      for (ssize_t count = 1; count > 0; received += static_cast<std::size_t>(count)) {
        count = ::read(end, buffer.data(), buffer.size());
      }
    });
    const StopFlag stop;
    write_standard_output(std::string(1'000'000, 'x'), Signals{.stop = stop}, "");
    ::close(STDOUT_FILENO);
    reader.join();
    return received == 1'000'000 ? 0 : 1;
  });
  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

TEST(StandardStreamsTest, ASignalEndsTheWaiting) {
  for (const int flags : {0, O_NONBLOCK}) {
    const Outcome outcome = run_in_child([flags] {
      const Signals signals = install_signal_handlers();
      int ends[2];
      if (::pipe2(ends, flags) != 0) return 98;
      send_output_to(ends[1]);
      // Again and again, so that one of them comes while the writing waits.
      const pid_t parent = ::getpid();
      const pid_t child = ::fork();
      if (child == 0) {
        while (::kill(parent, SIGTERM) == 0) ::usleep(10'000);
        ::_exit(0);
      }
      int code = 0;
      try {
        write_standard_output(std::string(1'000'000, 'x'), signals, "");
      } catch (const Stopped& stopped) {
        code = stopped.signal();
      }
      ::kill(child, SIGKILL);
      return code;
    });
    EXPECT_EQ(outcome.code, SIGTERM) << flags;
  }
}

TEST(StandardStreamsTest, AFailingStandardErrorIsIgnored) {
  for (const char* const path : {"/dev/full", ""}) {
    const Outcome outcome = run_in_child([path] {
      const int descriptor = ::open(path, O_WRONLY);
      if (descriptor >= 0) {
        ::dup2(descriptor, STDERR_FILENO);
      } else {
        ::close(STDERR_FILENO);
      }
      write_standard_error("text");
      return 0;
    });
    EXPECT_EQ(outcome.code, 0);
  }
}

}  // namespace
}  // namespace gamma_extract::cli
