// What the real program shows on a terminal.
#include "terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gamma_extract/source.h"
#include "run_program.h"
#include "seeded_extraction.h"
#include "snapshot.h"
#include "staged_run.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::catch_run;
using testing::file_names;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::names_in;
using testing::Outcome;
using testing::Program;
using testing::run_program;
using ::testing::StartsWith;
using testing::TemporaryDirectory;
using testing::Terminal;
using ::testing::UnorderedElementsAreArray;
using testing::write_file;
using testing::write_seeded_checkpoint;

/// What a terminal makes of what is printed on it: enough of one for this program. Other escapes
/// than it knows fail the test.
class Screen {
 public:
  explicit Screen(std::string_view text) {
    while (!text.empty()) text.remove_prefix(show(text));
    while (!lines_.empty() && lines_.back().empty()) lines_.pop_back();
  }

  /// What is left at the end, without the spaces and lines after it.
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  /// Cells of the longest line that ever stood there.
  [[nodiscard]] std::size_t widest() const { return widest_; }
  [[nodiscard]] bool colored() const { return colored_; }

 private:
  /// Takes what comes first; returns its length.
  std::size_t show(std::string_view text) {
    if (text.starts_with("\r")) {
      column_ = 0;
      return 1;
    }
    if (text.starts_with("\n")) {
      lines_.resize(++row_ + 1);
      return 1;
    }
    if (text.starts_with("\x1b[J")) {
      lines_.resize(row_ + 1);
      lines_[row_].resize(std::min(column_, lines_[row_].size()));
      return 3;
    }
    if (text.starts_with("\x1b[")) {
      const std::size_t end = text.find_first_not_of("0123456789;", 2);
      EXPECT_EQ(text.at(end), 'm') << "an escape that is not known";
      colored_ = true;
      return end + 1;
    }
    std::size_t bytes = 1;
    if ((text[0] & 0x80) != 0) bytes = (text[0] & 0x20) == 0 ? 2 : 3;
    lines_.resize(std::max(lines_.size(), row_ + 1));
    std::string& line = lines_[row_];
    line.resize(std::max(line.size(), column_ + 1), ' ');
    line[column_++] = bytes == 1 ? text[0] : '*';
    widest_ = std::max(widest_, column_);
    return bytes;
  }

  std::vector<std::string> lines_{""};
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  std::size_t widest_ = 0;
  bool colored_ = false;
};

class TerminalTest : public ::testing::Test {
 protected:
  TerminalTest() { write_seeded_checkpoint(directory_ / "model", 8192, 1); }

  /// Runs the program on the terminal; returns what it printed there.
  std::string run_on(Terminal& terminal, const std::function<void(const std::string&)>& seen) {
    Program program(testing::program_path, arguments_, [&] {
      for (const char* name : {"NO_COLOR", "COLUMNS", "HF_HUB_DISABLE_PROGRESS_BARS"}) {
        ::unsetenv(name);
      }
      ::setenv("TERM", "xterm-256color", 1);
      ::setenv("LC_ALL", "C.UTF-8", 1);
      if (!variable_.empty()) ::setenv(variable_.c_str(), value_.c_str(), 1);
      if (ignored_ != 0) ::signal(ignored_, SIG_IGN);
      terminal.adopt();
    });
    terminal.let_go();
    std::string text = terminal.read_all(seen);
    outcome_ = program.wait();
    return text;
  }

  /// The same with the output directory locked, as by another run, which lets the program wait
  /// until `sign` was seen on the terminal; then `act` is called, or the lock let go.
  std::string run_until(const std::string& sign, unsigned short columns,
                        const std::function<void(Terminal&)>& act = {}) {
    fs::create_directories(out_);
    lock_ = Descriptor(::open(out_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(::flock(lock_.get(), LOCK_EX), 0);
    Terminal terminal(columns);
    bool acted = false;
    std::string text = run_on(terminal, [&](const std::string& so_far) {
      const bool seen = so_far.find(sign) != std::string::npos;
      if (seen && act && !std::exchange(acted, true)) act(terminal);
      const bool waited = so_far.find("another process has locked it") != std::string::npos;
      if ((seen && !act) || waited) lock_.close();
    });
    EXPECT_THAT(text, HasSubstr(sign));
    return text;
  }

  TemporaryDirectory directory_;
  fs::path out_ = directory_ / "new" / "out";
  Descriptor lock_;  ///< of the output directory, in `run_until`
  std::vector<std::string> arguments_{"--model", directory_ / "model", "--out", out_};
  std::string variable_;
  std::string value_;
  int ignored_ = 0;  ///< a signal
  Outcome outcome_;
};

class TerminalWidthTest : public TerminalTest,
                          public ::testing::WithParamInterface<unsigned short> {};

TEST_P(TerminalWidthTest, BarFitsAndIsWiped) {
  const std::string text = run_until("%", GetParam());
  EXPECT_EQ(outcome_.exit_code, 0);
  const Screen screen(text);
  EXPECT_LT(screen.widest(), GetParam());
  EXPECT_GT(screen.widest(), 20);
  EXPECT_THAT(screen.lines(), IsEmpty());
  EXPECT_THAT(outcome_.out, HasSubstr("gamma"));
}

INSTANTIATE_TEST_SUITE_P(Columns, TerminalWidthTest, ::testing::Values(40, 80, 250),
                         ::testing::PrintToStringParamName());

TEST_F(TerminalTest, WarningsStayAndTheBarGoes) {
  write_file(directory_ / "model" / "config.json",
             R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"],)"
             R"( "tie_word_embeddings": false, "vocab_size": 8191, "hidden_size": 1024})");
  const Screen screen(run_until("%", 250));
  ASSERT_EQ(screen.lines().size(), 1);
  EXPECT_THAT(screen.lines()[0], StartsWith("gamma-extract: warning: "));
}

TEST_F(TerminalTest, NoColorMeansNone) {
  const std::string filled = "\u2588";  // only what is filled has a colour
  EXPECT_TRUE(Screen(run_until(filled, 80)).colored());
  variable_ = "NO_COLOR";
  value_ = "1";
  EXPECT_FALSE(Screen(run_until(filled, 80)).colored());
}

TEST_F(TerminalTest, DumbTerminalGetsNoEscapes) {
  variable_ = "TERM";
  value_ = "dumb";
  Terminal terminal(80);
  EXPECT_EQ(run_on(terminal, [](const std::string&) {}), "");
  EXPECT_EQ(outcome_.exit_code, 0);
}

TEST_F(TerminalTest, QuietIsSilent) {
  arguments_.emplace_back("--quiet");
  Terminal terminal(80);
  EXPECT_EQ(run_on(terminal, [](const std::string&) {}), "");
  EXPECT_EQ(outcome_.exit_code, 0);
  EXPECT_EQ(outcome_.out, "");
}

TEST_F(TerminalTest, FileGetsNoBar) {
  const Outcome outcome = run_program(arguments_);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
}

TEST_F(TerminalTest, TypedInterruptEndsTheRun) {
  const std::string text = run_until("%", 80, [](Terminal& terminal) { terminal.type('\x03'); });
  EXPECT_EQ(outcome_.signal, SIGINT);
  EXPECT_EQ(outcome_.out, "");
  EXPECT_THAT(Screen(text).lines(), IsEmpty());
  EXPECT_TRUE(fs::is_empty(out_));
}

TEST_F(TerminalTest, AHangUpEndsTheRun) {
  fs::create_directories(out_);
  auto terminal = std::make_unique<Terminal>(80);
  const auto reset = [&] {
    for (const auto& name : file_names) fs::remove(out_ / name);
    terminal = std::make_unique<Terminal>(80);
  };
  const auto program = catch_run(arguments_, out_, 0.5, reset, [&] { terminal->adopt(); });
  terminal->hang_up();
  program->kill(SIGCONT);
  const Outcome outcome = program->wait();
  EXPECT_EQ(outcome.signal, SIGHUP);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(fs::is_empty(out_));
}

// As under nohup(1). What is still said on the terminal goes nowhere, and disturbs nobody.
TEST_F(TerminalTest, AnIgnoredHangUpStaysIgnored) {
  ignored_ = SIGHUP;
  run_until("%", 80, [this](Terminal& terminal) {
    terminal.hang_up();
    lock_.close();
  });
  EXPECT_EQ(outcome_.exit_code, 0) << outcome_.signal;
  EXPECT_THAT(outcome_.out, HasSubstr("gamma"));
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
}

TEST_F(TerminalTest, VerifyHasItsBarToo) {
  // 64 million values, each of them false, which takes longest: the bar comes after 0.1 s.
  constexpr std::uint64_t rows = 1U << 26U;
  const auto write_column = [&](const std::string& name, const std::string& key) {
    const std::string header = fmt::format(
        R"({{"{}":{{"dtype":"F32","shape":[{},1],"data_offsets":[0,{}]}}}})", key, rows, 4 * rows);
    const std::string length{static_cast<char>(header.size()), 0, 0, 0, 0, 0, 0, 0};
    write_file(out_ / name, length + header);
    fs::resize_file(out_ / name, 8 + header.size() + 4 * rows);  // a hole: zeros
  };
  write_column("gamma_holes.safetensors", "gamma");
  write_column("gamma_centered_holes.safetensors", "gamma_centered");
  write_file(out_ / "gamma_centroid_mu.safetensors",
             std::string("\x38\0\0\0\0\0\0\0", 8) +
                 R"({"mu":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} )" + "one!");
  arguments_ = {"verify", out_, "--threads", "1"};
  Terminal terminal(80);
  const std::string text = run_on(terminal, [](const std::string&) {});
  EXPECT_EQ(outcome_.exit_code, 1);
  EXPECT_THAT(text, HasSubstr("%"));
  const Screen screen(text);
  ASSERT_EQ(screen.lines().size(), 2);
  for (const std::string& line : screen.lines()) {
    EXPECT_THAT(line, StartsWith("gamma-extract: error: "));
  }
}

}  // namespace
}  // namespace gamma_extract
