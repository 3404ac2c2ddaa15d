#ifndef GAMMA_EXTRACT_PROGRESS_BAR_H_
#define GAMMA_EXTRACT_PROGRESS_BAR_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "gamma_extract/extract.h"

/// A bar with bytes, rate and time left, on a terminal.
namespace gamma_extract::cli {

/// One state of the bar as it fills a line of `columns` cells: never longer, and readable from 20
/// cells to 300. `color` only where the terminal has it.
std::string progress_line(std::uint64_t done, std::uint64_t total, double seconds,
                          std::size_t columns, bool color);

/// Whether standard error is a terminal on which a bar can be drawn (TERM is not dumb,
/// HF_HUB_DISABLE_PROGRESS_BARS is not set).
bool can_draw_progress();

/// Draws the progress to standard error, some ten times a second, from a thread of its own, as long
/// as it lives; wipes the line at the end.
class ProgressBar {
 public:
  explicit ProgressBar(const Progress& progress);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

  /// Prints a line above the bar.
  void print_above(const std::string& line);

 private:
  void loop();
  void draw();
  void wipe();

  const Progress& progress_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = false;
  bool drawn_ = false;
  double started_ = 0;
  std::thread thread_;
};

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_PROGRESS_BAR_H_
