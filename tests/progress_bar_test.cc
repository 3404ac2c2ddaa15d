#include "progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "process.h"
#include "standard_streams.h"
#include "terminal.h"

namespace gamma_extract::cli {
namespace {

using ::testing::HasSubstr;
using testing::Outcome;
using testing::run_in_child;
using ::testing::StartsWith;

constexpr BarStyle plain{.color = false, .unicode = false};
const BarState half{.done = 2'333'000'000, .total = 4'667'000'000, .rate = 1'100'000'000};

/// The cells that `text` takes: its characters, less what is between ESC and `m`.
std::size_t cells_of(const std::string& text) {
  std::size_t cells = 0;
  bool escape = false;
  for (const char letter : text) {
    if (letter == '\x1b') escape = true;
    if (!escape && (static_cast<unsigned char>(letter) & 0xc0U) != 0x80U) ++cells;
    if (letter == 'm') escape = false;
  }
  return cells;
}

TEST(ProgressLineTest, AtEightyColumns) {
  EXPECT_EQ(progress_line(half, 80, plain),
            "  49% [##############               ]  2.33 GB / 4.67 GB  1.10 GB/s   0:03 left");
}

TEST(ProgressLineTest, AtFortyColumns) {
  EXPECT_EQ(progress_line(half, 40, plain), "  49% [#########          ]   0:03 left");
}

TEST(ProgressLineTest, AtFiftyColumns) {
  EXPECT_EQ(progress_line(half, 50, plain), "  49% [####      ]  2.33 GB / 4.67 GB   0:03 left");
}

TEST(ProgressLineTest, BelowTwentyColumnsOnlyThePercentage) {
  EXPECT_EQ(progress_line(half, 19, plain), "  49%");
  EXPECT_EQ(progress_line(half, 6, plain), "  49%");
  EXPECT_EQ(progress_line(half, 1, plain), "");
  EXPECT_EQ(progress_line(half, 0, plain), "");
}

TEST(ProgressLineTest, InAWideWindowTheBarIsCapped) {
  EXPECT_EQ(progress_line(half, 300, plain), progress_line(half, 1000, plain));
  EXPECT_LE(progress_line(half, 300, plain).size(), 110U);
}

TEST(ProgressLineTest, NeverFillsTheLastCell) {
  for (std::size_t columns = 1; columns <= 320; ++columns) {
    for (const BarStyle style : {plain, BarStyle{.color = true, .unicode = true}}) {
      for (const BarState& state :
           {half, BarState{}, BarState{.total = 1}, BarState{.done = 7, .total = 7, .rate = 1},
            BarState{.done = 999'499'999, .total = 18'000'000'000'000'000'000U, .rate = 1},
            BarState{.done = 9, .total = 7, .rate = 1e18}}) {
        EXPECT_LT(cells_of(progress_line(state, columns, style)), columns);
      }
    }
  }
}

TEST(ProgressLineTest, StartsBeforeTheTotalIsKnown) {
  EXPECT_EQ(progress_line({}, 80, plain), "  starting");
}

BarState with_note(BarState state, std::string note) {
  state.note = std::move(note);
  return state;
}

TEST(ProgressLineTest, TheBytesOfTheNetworkAreNamed) {
  BarState state = half;
  state.fetching = true;
  EXPECT_THAT(progress_line(state, 80, plain), HasSubstr("]  fetching 2.33 GB / 4.67 GB"));
  EXPECT_EQ(progress_line(state, 40, plain), progress_line(half, 40, plain));
}

TEST(ProgressLineTest, ANoteStandsBesideTheFiguresOrForThem) {
  const std::string note = "piece 3: the connection was reset; try 2 of 6 in 4 s";
  const std::string wide = progress_line(with_note(half, note), 120, plain);
  EXPECT_THAT(wide, HasSubstr("0:03 left  " + note));
  const std::string narrow = progress_line(with_note(half, note), 80, plain);
  EXPECT_THAT(narrow, HasSubstr("]  " + note));
  EXPECT_EQ(narrow.find("left"), std::string::npos);
  EXPECT_THAT(progress_line(with_note(half, note), 50, plain), HasSubstr("..."));
  EXPECT_EQ(progress_line(with_note({}, "asking"), 80, plain), "  asking");
  for (std::size_t columns = 0; columns < 150; ++columns) {
    EXPECT_LE(cells_of(progress_line(with_note(half, note), columns, plain)) + 1,
              std::max<std::size_t>(columns, 1));
    EXPECT_LE(cells_of(progress_line(with_note({}, note), columns, plain)) + 1,
              std::max<std::size_t>(columns, 1));
  }
}

TEST(ProgressLineTest, AHundredPercentIsAll) {
  EXPECT_THAT(progress_line({.done = 999'999, .total = 1'000'000, .rate = 1}, 80, plain),
              StartsWith("  99% ["));
  EXPECT_THAT(progress_line({.done = 5, .total = 5, .rate = 1}, 80, plain),
              StartsWith(" 100% [##########"));
  EXPECT_THAT(progress_line({.done = 9, .total = 5, .rate = 1}, 80, plain), StartsWith(" 100% ["));
}

TEST(ProgressLineTest, TimeLeft) {
  const auto left = [](std::uint64_t rest, double rate) {
    const std::string line = progress_line({.done = 0, .total = rest, .rate = rate}, 80, plain);
    return line.substr(line.find("/s") + 4);
  };
  EXPECT_EQ(left(59, 1), " 0:59 left");
  EXPECT_EQ(left(600, 1), "10:00 left");
  EXPECT_EQ(left(3661, 1), "1:01:01 left");
  EXPECT_EQ(left(1'000'000'000'000, 1), "99:59:59 left");
  EXPECT_EQ(left(100, 0), "--:-- left");
}

TEST(ProgressLineTest, UnicodeBlocksByEighths) {
  // 19 cells at 40 columns; 17 of 152 eighths are two blocks and an eighth.
  const BarStyle style{.color = false, .unicode = true};
  EXPECT_THAT(progress_line({.done = 17, .total = 152, .rate = 100}, 40, style),
              HasSubstr("[██▏                ]"));
}

TEST(ProgressLineTest, ColorSurroundsTheBarAlone) {
  const BarStyle style{.color = true, .unicode = false};
  EXPECT_THAT(progress_line(half, 40, style), HasSubstr("[\x1b[36m#########\x1b[0m          ]"));
  EXPECT_THAT(progress_line({.done = 0, .total = 9}, 40, style), ::testing::Not(HasSubstr("\x1b")));
}

TEST(RateMeterTest, UnknownAtFirst) {
  RateMeter meter;
  EXPECT_EQ(meter.update(100, 5000), 0);
  EXPECT_EQ(meter.update(100, 5000), 0);
}

TEST(RateMeterTest, ASteadyRate) {
  RateMeter meter;
  double rate = 0;
  for (int i = 0; i < 50; ++i) rate = meter.update(i * 0.1, static_cast<std::uint64_t>(i) * 100);
  EXPECT_NEAR(rate, 1000, 1e-6);
}

TEST(RateMeterTest, FollowsAChange) {
  RateMeter meter;
  std::uint64_t done = 0;
  for (int i = 0; i < 100; ++i) meter.update(i * 0.1, done += 10);
  double rate = 0;
  for (int i = 100; i < 200; ++i) rate = meter.update(i * 0.1, done += 1000);
  EXPECT_GT(rate, 9000);
  EXPECT_LT(rate, 10000);
}

// On a terminal of its own.

/// Runs `body` in a child whose standard error is a terminal of `columns` columns, and returns all
/// that was shown on it. `body` gets the end from which a terminal emulator would read.
std::string shown(unsigned short columns, const std::function<void(int)>& body) {
  testing::Terminal terminal(columns);
  const Outcome outcome = run_in_child([&] {
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("HF_HUB_DISABLE_PROGRESS_BARS");
    ::unsetenv("COLUMNS");
    ::setenv("NO_COLOR", "1", 1);
    ::setenv("LC_ALL", "C", 1);
    terminal.show_errors();
    body(terminal.controller());
    return 0;
  });
  EXPECT_EQ(outcome.code, 0);
  // Up to its end: what was written last is there only a moment after it was written.
  terminal.let_go();
  return terminal.read_all([](const std::string&) {});
}

std::string answer(bool yes) {
  return yes ? "yes" : "no";
}

void print(const std::string& text) {
  EXPECT_EQ(::write(STDERR_FILENO, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

TEST(ProgressBarTest, DrawsOnATerminalOnly) {
  EXPECT_EQ(shown(80, [](int) { print(answer(can_draw_progress())); }), "yes");
  EXPECT_EQ(run_in_child([] { return can_draw_progress() ? 1 : 0; }).code, 0);
}

TEST(ProgressBarTest, NotOnADumbTerminal) {
  EXPECT_EQ(shown(80,
                  [](int) {
                    ::setenv("TERM", "dumb", 1);
                    print(answer(can_draw_progress()));
                    ::unsetenv("TERM");
                    print(answer(can_draw_progress()));
                  }),
            "noyes");
}

TEST(ProgressBarTest, NotWhereTheHubsToolsAreToldNotTo) {
  EXPECT_EQ(shown(80,
                  [](int) {
                    for (const char* const value : {"1", "on", "YES", "True", "0", "", "false"}) {
                      ::setenv("HF_HUB_DISABLE_PROGRESS_BARS", value, 1);
                      print(answer(can_draw_progress()) + " ");
                    }
                  }),
            "no no no no yes yes yes ");
}

TEST(ProgressBarTest, WidthIsTheTerminalsElseOfTheEnvironment) {
  const auto print_columns = [](int = 0) {
    print(std::to_string(terminal_columns(STDERR_FILENO)));
  };
  EXPECT_EQ(shown(123, print_columns), "123");
  EXPECT_EQ(shown(0, print_columns), "80");
  EXPECT_EQ(shown(0,
                  [&](int) {
                    ::setenv("COLUMNS", "66", 1);
                    print_columns();
                  }),
            "66");
  EXPECT_EQ(shown(0,
                  [&](int) {
                    ::setenv("COLUMNS", "wide", 1);
                    print_columns();
                    ::setenv("COLUMNS", "0", 1);
                    print_columns();
                  }),
            "8080");
}

TEST(ProgressBarTest, StyleIsOfTheEnvironment) {
  const auto print_style = [] {
    print(answer(bar_style().color) + answer(bar_style().unicode) + " ");
  };
  EXPECT_EQ(shown(80,
                  [&](int) {
                    print_style();
                    ::setenv("NO_COLOR", "", 1);
                    print_style();
                    ::unsetenv("NO_COLOR");
                    ::setenv("LC_ALL", "C.UTF-8", 1);
                    print_style();
                    ::setenv("LC_ALL", "no_such_locale", 1);
                    print_style();
                  }),
            "nono yesno yesyes yesno ");
}

void wait_until_shown(int controller) {
  struct pollfd shown_something {};
  shown_something.fd = controller;
  shown_something.events = POLLIN;
  ::poll(&shown_something, 1, -1);
}

TEST(ProgressBarTest, WipesItsLineAndLeavesWhatStoodAbove) {
  const std::string text = shown(80, [](int controller) {
    Progress progress;
    progress.total = 100;
    progress.done = 50;
    ProgressBar bar(progress);
    wait_until_shown(controller);
    bar.print_above("a warning\n");
  });
  EXPECT_THAT(text, StartsWith("\r  50% ["));
  EXPECT_THAT(text, HasSubstr("\x1b[J\r\r\x1b[Ja warning\r\n\r  50% ["));
  EXPECT_TRUE(text.ends_with("\x1b[J\r\r\x1b[J"));
}

TEST(ProgressBarTest, AShortRunShowsNothing) {
  EXPECT_EQ(shown(80,
                  [](int) {
                    const Progress progress;
                    ProgressBar bar(progress);
                    bar.print_above("a warning\n");
                  }),
            "a warning\r\n");
}

TEST(ProgressBarTest, ItsThreadTakesNoSignal) {
  static int handled_by = 0;
  shown(80, [](int) {
    ::signal(SIGTERM, [](int) { handled_by = ::gettid(); });
    const Progress progress;
    const ProgressBar bar(progress);
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    ::kill(::getpid(), SIGTERM);
    ::usleep(50'000);
    if (handled_by != 0) ::_exit(1);
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    if (handled_by != ::getpid()) ::_exit(2);
  });
}

}  // namespace
}  // namespace gamma_extract::cli
