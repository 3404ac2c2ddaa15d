#include "cli.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <functional>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "gamma_extract/error.h"
#include "process.h"

namespace gamma_extract::cli {
namespace {

using ::testing::HasSubstr;
using testing::Outcome;
using testing::run_in_child;
using ::testing::StartsWith;
using Arguments = std::vector<std::string>;

const Arguments to_files{"--model", "m", "--out", "o"};
const Arguments to_json{"--model", "m", "--json"};

Report done(const ExtractOptions& options, const Observer& observer) {
  observer.warn("one\nline");
  Report report;
  report.model = options.model.name;
  report.warnings = {"one\nline"};
  return report;
}

Outcome outcome_of(
    const Arguments& arguments, const Job& job = done,
    const std::function<void()>& set_up = [] {}) {
  return run_in_child([&] {
    set_up();
    return run(arguments, job);
  });
}

Job throwing(const std::function<void()>& thrower) {
  return [thrower](const ExtractOptions&, const Observer&) {
    thrower();
    return Report{};
  };
}

TEST(CliTest, PrintsTheHumanReport) {
  const Outcome outcome = outcome_of(to_files);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, StartsWith("model           m\n"));
  EXPECT_EQ(outcome.err, "gamma-extract: warning: one\\nline\n");
}

TEST(CliTest, PrintsJsonAloneOnStandardOutput) {
  const Outcome outcome = outcome_of(to_json);
  EXPECT_EQ(outcome.code, 0);
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["model"], "m");
  EXPECT_EQ(json["warnings"][0], "one\nline");
  EXPECT_EQ(outcome.err, "gamma-extract: warning: one\\nline\n");
}

TEST(CliTest, QuietLeavesTheWarnings) {
  const Outcome outcome = outcome_of({"--model", "m", "--out", "o", "-q"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "gamma-extract: warning: one\\nline\n");
}

TEST(CliTest, QuietLeavesTheJson) {
  EXPECT_THAT(outcome_of({"--model", "m", "--json", "-q"}).out, StartsWith("{"));
}

TEST(CliTest, AFailedCheckIsALineForEachFigureAndTheReport) {
  const auto checked = [](const ExtractOptions& options, const Observer&) {
    Report report;  // NOLINT(misc-const-correctness): it is filled in
    report.tensor = "t";
    report.check = Check{.reference = options.check.value(), .passed = false, .compared = {}};
    report.check->compared = {{"vocab_size", std::uint64_t{1}, std::uint64_t{2}, 0.0, false},
                              {"hidden_size", std::uint64_t{1}, std::uint64_t{1}, 0.0, true},
                              {"gamma.a\nb", 1.5, {}, {}, false, false}};
    return report;
  };
  const std::string lines =
      "gamma-extract: error: r: vocab_size of t is 2, not 1; if that is meant, save this run's "
      "--json as the new reference\n"
      "gamma-extract: error: r: gamma.a\\nb: a report has no such figure; correct the reference\n";
  const Outcome human = outcome_of({"--model", "m", "--check", "r"}, checked);
  EXPECT_EQ(human.code, 1);
  EXPECT_THAT(human.out, HasSubstr("check against r: FAILED\n"));
  EXPECT_EQ(human.err, lines);
  const Outcome json = outcome_of({"--model", "m", "--check", "r", "--json"}, checked);
  EXPECT_EQ(json.code, 1);
  EXPECT_EQ(nlohmann::json::parse(json.out)["check"]["passed"], false);
  EXPECT_EQ(json.err, lines);
  const Outcome quiet = outcome_of({"--model", "m", "--check", "r", "-q"}, checked);
  EXPECT_EQ(quiet.code, 1);
  EXPECT_EQ(quiet.out, "");
  EXPECT_EQ(quiet.err, lines);
  const Outcome full = outcome_of({"--model", "m", "--check", "r"}, checked,
                                  [] { ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO); });
  EXPECT_EQ(full.code, 4);
  EXPECT_THAT(full.err, StartsWith(lines));
}

TEST(CliTest, HelpAndVersionGoToStandardOutput) {
  for (const char* const option : {"--help", "--version"}) {
    const Outcome outcome = outcome_of({option}, throwing([] { FAIL(); }));
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("gamma-extract"));
    EXPECT_EQ(outcome.err, "");
  }
}

TEST(CliTest, AUsageErrorIsOneLine) {
  const Outcome outcome = outcome_of({"--treads\n", "4"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "gamma-extract: error: --treads\\n: unknown option; did you mean --threads?\n");
}

TEST(CliTest, AnErrorIsOneLineAndItsCode) {
  const auto code_of = [](Fault fault) {
    const Outcome outcome =
        outcome_of(to_json, throwing([fault] { fail(fault, "a\x1b: b\nc; d\xff"); }));
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "gamma-extract: error: a\\x1b: b\\nc; d\\xff\n");
    return outcome.code;
  };
  EXPECT_EQ(code_of(Fault::self_check_failed), 1);
  EXPECT_EQ(code_of(Fault::libtorch_unavailable), 2);
  EXPECT_EQ(code_of(Fault::model_missing), 3);
  EXPECT_EQ(code_of(Fault::output_exists), 4);
}

TEST(CliTest, OutOfMemory) {
  const Outcome outcome = outcome_of(to_json, throwing([] { throw std::bad_alloc(); }));
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, StartsWith("gamma-extract: error: not enough memory"));
}

TEST(CliTest, NoThreadToBeHad) {
  const Outcome outcome = outcome_of(
      to_json, throwing([] { throw std::system_error(EAGAIN, std::generic_category()); }));
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.err,
            "gamma-extract: error: not enough threads: the system gives no more; give fewer "
            "--threads, or raise the limit (ulimit -u)\n");
}

TEST(CliTest, AnUnforeseenExceptionIsAnErrorToReport) {
  const Outcome outcome = outcome_of(to_json, throwing([] { throw std::logic_error("x\ny"); }));
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.err, "gamma-extract: error: internal error: x\\ny; please report it\n");
}

TEST(CliTest, ASignalIsRaisedAgainOnceAllIsCleanedUp) {
  struct Cleaner {
    ~Cleaner() { ::write(STDERR_FILENO, "cleaned\n", 8); }
  };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const Outcome outcome =
        outcome_of(to_json, [signal](const ExtractOptions&, const Observer& observer) {
          const Cleaner cleaner;
          ::raise(signal);
          ::raise(signal);
          observer.stop.check();
          return Report{};
        });
    EXPECT_EQ(outcome.signal, signal);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "cleaned\n");
  }
}

TEST(CliTest, ABlockedSignalIsRaisedAllTheSame) {
  const Outcome outcome = outcome_of(to_json, throwing([] { throw Stopped(SIGTERM); }), [] {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
  });
  EXPECT_EQ(outcome.signal, SIGTERM);
}

TEST(CliTest, AnIgnoredSignalStaysIgnored) {
  const auto raise_all = [](const ExtractOptions&, const Observer& observer) {
    ::raise(SIGINT);
    ::raise(SIGHUP);
    observer.stop.check();
    return Report{};
  };
  const Outcome outcome = outcome_of(to_json, raise_all, [] {
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
  });
  EXPECT_EQ(outcome.code, 0);
}

TEST(CliTest, PipeAndFileSizeSignalsAreErrorsOfWriting) {
  const auto raise_both = throwing([] {
    ::raise(SIGPIPE);
    ::raise(SIGXFSZ);
  });
  EXPECT_EQ(outcome_of(to_json, raise_both).code, 0);
}

TEST(CliTest, AReaderThatWentAwayEndsItByPipe) {
  const auto break_pipe = [] {
    int ends[2];
    if (::pipe(ends) == 0) ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
  };
  for (const Arguments& arguments : {to_json, to_files, {"--help"}}) {
    EXPECT_EQ(outcome_of(arguments, done, break_pipe).signal, SIGPIPE);
    const Outcome ignored = outcome_of(arguments, done, [&break_pipe] {
      ::signal(SIGPIPE, SIG_IGN);
      break_pipe();
    });
    EXPECT_EQ(ignored.code, 4);
    EXPECT_THAT(ignored.err, HasSubstr("standard output: cannot write: Broken pipe; "));
  }
}

TEST(CliTest, AFullStandardOutput) {
  const auto fill = [] { ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO); };
  const Outcome files = outcome_of(to_files, done, fill);
  EXPECT_EQ(files.code, 4);
  EXPECT_THAT(files.err, HasSubstr("gamma-extract: error: standard output: cannot write: No space "
                                   "left on device; the files are written all the same\n"));
  const Outcome json = outcome_of(to_json, done, fill);
  EXPECT_EQ(json.code, 4);
  EXPECT_THAT(json.err, ::testing::Not(HasSubstr("the files are written")));
  EXPECT_EQ(outcome_of({"--help"}, done, fill).code, 4);
  EXPECT_EQ(outcome_of({"-q", "--model", "m", "--out", "o"}, done, fill).code, 0);
}

TEST(CliTest, ClosedStreams) {
  const auto close_all = [] {
    for (const int descriptor : {0, 1, 2}) ::close(descriptor);
  };
  const auto open_one = [](const ExtractOptions&, const Observer& observer) {
    if (::open("/dev/null", O_RDWR) <= STDERR_FILENO) throw std::logic_error("a standard number");
    observer.warn("nobody reads this");
    return Report{};
  };
  EXPECT_EQ(outcome_of(to_json, open_one, close_all).code, 4);
  EXPECT_EQ(outcome_of({"-q", "--model", "m", "--out", "o"}, open_one, close_all).code, 0);
}

}  // namespace
}  // namespace gamma_extract::cli
