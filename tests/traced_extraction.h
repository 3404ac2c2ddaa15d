#ifndef GAMMA_EXTRACT_TRACED_EXTRACTION_H_
#define GAMMA_EXTRACT_TRACED_EXTRACTION_H_

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "run_program.h"
#include "seeded_extraction.h"

namespace gamma_extract::testing {

/// What strace does to the calls of one name: `how` is what its `-e inject` takes after the name,
/// such as `error=EIO:when=2` or `signal=SIGINT`. Each thread counts its own calls.
struct Injection {
  std::string call;
  std::string how;
};

/// Runs of the real program in which system calls fail, or a signal comes with them.
class TracedExtractionTest : public SeededExtractionTest {
 protected:
  TracedExtractionTest() { out_ = directory_ / "new" / "out"; }

  void SetUp() override {
    if (strace_.empty()) GTEST_SKIP() << "needs strace";
    if (Program(strace_, {"-o", "/dev/null", "true"}).wait().exit_code != 0) {
      GTEST_SKIP() << "needs the right to trace a process";
    }
    write_seeded_checkpoint(model_, 64, 1);
  }

  /// Runs the program under strace, with these options of strace's.
  [[nodiscard]] Outcome run_traced(std::vector<std::string> options,
                                   const std::vector<std::string>& more = {}) const {
    if (all_threads_) options.emplace_back("-f");
    options.insert(options.end(), {"-y", "-o", (directory_ / "trace").string(), program_path});
    const std::vector<std::string> own = arguments(more);
    options.insert(options.end(), own.begin(), own.end());
    // Leaks cannot be looked for in a traced process.
    return Program(strace_, options, [] { ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1); }).wait();
  }

  /// Runs the program with these injections, each of which must be met.
  [[nodiscard]] Outcome run_injected(const std::vector<Injection>& injections,
                                     const std::vector<std::string>& more = {}) const {
    std::vector<std::string> options;
    std::string calls;
    bool signals = false;
    for (const auto& [call, how] : injections) {
      options.insert(options.end(), {"-e", fmt::format("inject={}:{}", call, how)});
      if (!calls.empty()) calls += ',';
      calls += call;
      signals = signals || how.starts_with("signal=");
    }
    options.insert(options.begin(), {"-e", "trace=" + calls});
    // It is faster; but with it strace sends no signals, and follows all threads.
    if (!signals && all_threads_) options.emplace_back("--seccomp-bpf");
    const Outcome outcome = run_traced(options, more);
    for (const auto& [call, how] : injections) {
      const bool met = !how.starts_with("error=") || !injected(call).empty();
      EXPECT_TRUE(met) << call << " was not met";
    }
    return outcome;
  }

  /// The calls that were traced, in lines.
  [[nodiscard]] std::vector<std::string> trace() const {
    std::istringstream text(read_file(directory_ / "trace"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  /// The first line of a call of that name into which something was injected, or nothing.
  [[nodiscard]] std::string injected(const std::string& call) const {
    for (const auto& line : trace()) {
      // strace parts the line of a call during which another thread made one.
      const bool met = is_call(line, call) || line.find("<... " + call + " ") != std::string::npos;
      if (met && line.ends_with("(INJECTED)")) return line;
    }
    return "";
  }

  static bool is_call(const std::string& line, const std::string& call) {
    return (" " + line).find(" " + call + "(") != std::string::npos;
  }

  bool all_threads_ = true;  ///< are traced, and not the first one alone

 private:
  static std::filesystem::path find_strace() {
    for (const char* path : {"/usr/bin/strace", "/usr/local/bin/strace", "/bin/strace"}) {
      if (::access(path, X_OK) == 0) return path;
    }
    return {};
  }

  std::filesystem::path strace_ = find_strace();
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TRACED_EXTRACTION_H_
