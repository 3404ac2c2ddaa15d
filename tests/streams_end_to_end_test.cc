#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <string>

#include "extraction.h"

// Where standard output cannot take the report, the files are there all the same.

namespace gamma_extract {
namespace {

using testing::Outcome;
using testing::run_program;

void fill_standard_output() {
  const int full = ::open("/dev/full", O_WRONLY);
  if (full < 0 || ::dup2(full, STDOUT_FILENO) < 0) ::_exit(126);
}

/// Standard output is a pipe whose reader is gone.
void break_standard_output() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0 || ::dup2(ends[1], STDOUT_FILENO) < 0) ::_exit(126);
  ::close(ends[0]);
  ::close(ends[1]);
}

class StreamsEndToEndTest : public ::testing::Test {
 protected:
  [[nodiscard]] Outcome run(const std::function<void()>& in_child) const {
    const std::string model = testing::checkpoint("llama-untied-f32").string();
    return run_program({"--model", model, "--out", (directory_ / "out").string()}, in_child);
  }
  void expect_files() const { EXPECT_EQ(testing::count_entries(directory_ / "out"), 3U); }

 private:
  testing::TemporaryDirectory directory_;
};

TEST_F(StreamsEndToEndTest, FullStandardOutput) {
  testing::expect_refused(run(fill_standard_output), 4, {"standard output", "No space left"});
  expect_files();
  testing::expect_refused(run_program({"--help"}, fill_standard_output), 4, {"standard output"});
}

TEST_F(StreamsEndToEndTest, ClosedStandardOutput) {
  testing::expect_refused(run([] { ::close(STDOUT_FILENO); }), 4, {"standard output"});
  expect_files();
}

TEST_F(StreamsEndToEndTest, ReaderThatWentAwayEndsItBySignal) {
  const Outcome outcome = run([] {
    ::signal(SIGPIPE, SIG_DFL);
    break_standard_output();
  });
  EXPECT_EQ(outcome.signal, SIGPIPE);
  EXPECT_EQ(outcome.err, "");
  expect_files();
}

TEST_F(StreamsEndToEndTest, ReaderThatWentAwayIsAnErrorWhereThatSignalIsIgnored) {
  const Outcome outcome = run([] {
    ::signal(SIGPIPE, SIG_IGN);
    break_standard_output();
  });
  testing::expect_refused(outcome, 4, {"standard output", "Broken pipe"});
  expect_files();
}

}  // namespace
}  // namespace gamma_extract
