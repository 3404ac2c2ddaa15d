#include "progress_bar.h"

#include <fmt/format.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string_view>
#include <system_error>
#include <vector>

#include "display_width.h"
#include "gamma_extract/hub_environment.h"
#include "gamma_extract/text.h"
#include "quiet_thread.h"
#include "standard_streams.h"

namespace gamma_extract::cli {
namespace {

constexpr std::size_t narrow_columns = 20;
constexpr std::size_t min_bar_cells = 8;
constexpr std::size_t max_bar_cells = 50;
constexpr auto redraw_interval = std::chrono::milliseconds(100);

/// Empty where the variable is not set.
std::string_view environment(const char* name) {
  const char* const value = ::getenv(name);  // NOLINT(concurrency-mt-unsafe): the program sets none
  return value == nullptr ? "" : value;
}

// The parts of the line. All of them are ASCII, but for the bar.

double fraction_of(const BarState& state) {
  if (state.total == 0) return 0;
  return std::min(1.0, static_cast<double>(state.done) / static_cast<double>(state.total));
}

std::string percent(const BarState& state) {
  // Rounded down: 100 % is when all is done.
  return fmt::format("{:>4}%", static_cast<int>(100 * fraction_of(state)));
}

std::string bytes(const BarState& state) {
  return fmt::format("{:>7} / {}", human_bytes(std::min(state.done, state.total)),
                     human_bytes(state.total));
}

std::string rate(const BarState& state) {
  return fmt::format("{:>7}/s", human_bytes(static_cast<std::uint64_t>(state.rate)));
}

std::string time_left(const BarState& state) {
  if (state.rate <= 0) return "--:-- left";
  const auto rest = static_cast<double>(state.total - std::min(state.done, state.total));
  constexpr double longest = 100 * 3600 - 1;
  const auto seconds = static_cast<int>(std::min(longest, std::ceil(rest / state.rate)));
  if (seconds < 3600) return fmt::format("{:>2}:{:02} left", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02} left", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string bar(double fraction, std::size_t cells, const BarStyle& style) {
  std::string filled;
  std::size_t used = 0;
  if (style.unicode) {
    constexpr std::array eighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const auto parts = static_cast<std::size_t>(fraction * static_cast<double>(8 * cells));
    for (used = 0; used < parts / 8; ++used) filled += "█";
    if (parts % 8 != 0) {
      filled += eighths.at(parts % 8);
      ++used;
    }
  } else {
    used = static_cast<std::size_t>(fraction * static_cast<double>(cells));
    filled.assign(used, '#');
  }
  if (style.color && used > 0) filled = "\x1b[36m" + filled + "\x1b[0m";
  return "[" + filled + std::string(cells - used, ' ') + "]";
}

/// The words right of the bar: all that fit beside it in `cells`, the least important left out
/// first.
std::string words_that_fit(const BarState& state, std::size_t cells) {
  const std::string figures = bytes(state) + "  " + rate(state) + "  " + time_left(state);
  std::vector<std::string> candidates;
  if (!state.note.empty()) {
    candidates = {figures + "  " + state.note, state.note};
  } else {
    if (state.fetching) candidates.push_back("fetching " + figures);
    candidates.insert(candidates.end(),
                      {figures, bytes(state) + "  " + time_left(state), time_left(state)});
  }
  for (const std::string& words : candidates) {
    if (display_width(words) <= cells) return words;
  }
  return shortened(state.note, cells);
}

}  // namespace

std::string progress_line(const BarState& state, std::size_t columns, const BarStyle& style) {
  if (columns < narrow_columns) return percent(state).substr(0, columns > 0 ? columns - 1 : 0);
  if (state.total == 0) {
    return "  " + (state.note.empty() ? "starting" : shortened(state.note, columns - 3));
  }
  // Percentage, a space, the bar in brackets, two spaces, and the cell that stays free.
  constexpr std::size_t around = 5 + 1 + 2 + 2 + 1;
  const std::size_t room = columns - around;
  const std::string words = words_that_fit(state, room - std::min(room, min_bar_cells));
  const std::size_t cells = std::min(room - display_width(words), max_bar_cells);
  const std::string line = percent(state) + " " + bar(fraction_of(state), cells, style);
  return words.empty() ? line : line + "  " + words;
}

double RateMeter::update(double seconds, std::uint64_t done) {
  constexpr double memory = 3.0;  // seconds
  if (last_seconds_ && seconds > *last_seconds_) {
    const double passed = seconds - *last_seconds_;
    const double kept = std::exp(-passed / memory);
    weighted_bytes_ =
        kept * weighted_bytes_ + static_cast<double>(done - std::min(done, last_done_));
    weighted_seconds_ = kept * weighted_seconds_ + passed;
  }
  last_seconds_ = seconds;
  last_done_ = done;
  return weighted_seconds_ > 0 ? weighted_bytes_ / weighted_seconds_ : 0;
}

bool can_draw_progress() {
  if (::isatty(STDERR_FILENO) == 0 || environment("TERM") == "dumb") return false;
  return !is_true(environment("HF_HUB_DISABLE_PROGRESS_BARS"));
}

BarStyle bar_style() {
  // A locale object of its own, so that nothing else in the process is changed.
  const locale_t locale = ::newlocale(LC_CTYPE_MASK, "", nullptr);
  const std::string_view encoding =
      locale == nullptr ? "" : std::string_view(::nl_langinfo_l(CODESET, locale));
  const bool unicode = encoding == "UTF-8";
  if (locale != nullptr) ::freelocale(locale);
  return {.color = environment("NO_COLOR").empty(), .unicode = unicode};
}

ProgressBar::ProgressBar(const Progress& progress) : progress_(progress), style_(bar_style()) {
  try {
    thread_ = quiet_thread([this] { loop(); });
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch)
    // A run is worth more than its bar.
  }
}

ProgressBar::~ProgressBar() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  wipe();
}

void ProgressBar::print_above(const std::string& line) {
  const std::lock_guard lock(mutex_);
  const bool redraw = drawn_;
  wipe();
  write_standard_error(line);
  if (redraw) draw();
}

void ProgressBar::loop() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, redraw_interval, [this] { return ended_; })) draw();
}

BarState ProgressBar::state() {
  const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
  BarState state{.done = progress_.done, .total = progress_.total};
  state.note = printable(progress_.note.text());
  const BarState fetched{.done = progress_.fetched, .total = progress_.to_fetch};
  state.fetching = fetched.done < fetched.total;
  if (state.fetching) {
    state.done = fetched.done;
    state.total = fetched.total;
    state.rate = fetch_meter_.update(now.count(), state.done);
  } else if (state.total > 0) {
    state.rate = meter_.update(now.count(), state.done);
  }
  return state;
}

void ProgressBar::draw() {
  const pid_t foreground = ::tcgetpgrp(STDERR_FILENO);
  if (foreground >= 0 && foreground != ::getpgrp()) return;
  write_standard_error(
      fmt::format("\r{}\x1b[J\r", progress_line(state(), terminal_columns(STDERR_FILENO), style_)));
  drawn_ = true;
}

void ProgressBar::wipe() {
  if (drawn_) write_standard_error("\r\x1b[J");
  drawn_ = false;
}

}  // namespace gamma_extract::cli
