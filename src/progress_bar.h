#ifndef GAMMA_EXTRACT_PROGRESS_BAR_H_
#define GAMMA_EXTRACT_PROGRESS_BAR_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "gamma_extract/extract.h"

/// A bar with bytes, rate and time left, on a terminal.
///
/// It is drawn on the line where the cursor stands, and the cursor goes back to its beginning: a
/// terminal that becomes narrower and folds the line leaves the cursor at the fold's first row, so
/// that clearing from there to the end clears all of it.
namespace gamma_extract::cli {

/// What the terminal can show.
struct BarStyle {
  bool color = false;
  bool unicode = false;  ///< blocks by eighths, else `#`
};

/// Bytes done, and how fast, at one moment.
struct BarState {
  std::uint64_t done = 0;
  std::uint64_t total = 0;  ///< 0: not known yet
  double rate = 0;          ///< bytes a second; 0: not known yet
  bool fetching = false;    ///< the bytes come over the network
  std::string note{};       ///< what the run waits for, printable; empty: nothing
};

/// The bar as it fills a line of `columns` cells, and never the last one, where a terminal may
/// wrap. In a narrow line the word that it is fetching, the rate, the bytes, the time left and the
/// bar go, in this order; below 20 cells the percentage alone is left. A note stands at the end;
/// where there is no room for both it takes the place of the figures.
std::string progress_line(const BarState& state, std::size_t columns, const BarStyle& style);

/// The rate of late: an average whose weights fall to a third in three seconds. (What is first read
/// from a disk and then from memory has two rates, and the time left follows the second.)
class RateMeter {
 public:
  /// Takes the bytes done at a moment, in seconds of any clock, and returns bytes a second.
  double update(double seconds, std::uint64_t done);

 private:
  std::optional<double> last_seconds_;
  std::uint64_t last_done_ = 0;
  double weighted_bytes_ = 0;
  double weighted_seconds_ = 0;
};

/// Whether standard error is a terminal on which a bar can be drawn: TERM is not `dumb`, and
/// HF_HUB_DISABLE_PROGRESS_BARS, which huggingface_hub knows too, does not say no.
bool can_draw_progress();

/// What the environment says: NO_COLOR (no-color.org), and the locale's encoding.
BarStyle bar_style();

/// Draws the progress to standard error, some ten times a second, from a thread of its own, as long
/// as it lives; wipes the line at the end. Draws nothing while the program is in the background,
/// and nothing at all where there is no thread to be had.
class ProgressBar {
 public:
  explicit ProgressBar(const Progress& progress);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

  /// Prints a line above the bar. `line` ends in a newline.
  void print_above(const std::string& line);

 private:
  void loop();
  BarState state();
  void draw();
  void wipe();

  const Progress& progress_;
  const BarStyle style_;
  RateMeter meter_;
  RateMeter fetch_meter_;
  std::mutex mutex_;  // of all below, and of the terminal's line
  std::condition_variable wake_;
  bool ended_ = false;
  bool drawn_ = false;
  std::thread thread_;
};

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_PROGRESS_BAR_H_
