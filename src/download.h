#ifndef GAMMA_EXTRACT_DOWNLOAD_H_
#define GAMMA_EXTRACT_DOWNLOAD_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "gamma_extract/stop.h"
#include "hub_access.h"
#include "piece_store.h"

/// Fills a PieceStore, in threads of its own, while others read what is whole already.
///
/// A single TCP connection to a CDN gives some 40 MB/s whatever the line can do, so several fetch
/// at once. Each asks for a span of missing pieces, the first ones first, so that whoever reads
/// from the beginning has little to wait for; spans become shorter towards the end, so that all
/// connections end together. What the store has kept from an earlier run is verified before
/// anything is fetched.
namespace gamma_extract {

class Download {
 public:
  /// Begins. `file` is what the header was read of: another ETag or size now is hub_file_changed.
  /// All must outlive this.
  Download(const HubAccess& hub, const HubFile& file, PieceStore& store);
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;
  /// Ends, whole or not.
  ~Download();

  /// Throws Stopped if the run is to stop, and what ended the download if something did: what
  /// HubClient and PieceStore throw, and model_not_cached where pieces are missing offline.
  void check() const;

 private:
  struct Span {
    std::size_t first = 0;
    std::size_t count = 0;
  };

  void work();
  [[nodiscard]] std::optional<std::size_t> take_claimed();
  [[nodiscard]] std::optional<Span> take_missing();
  void verify(std::size_t piece);
  void fetch(const Span& span);
  [[nodiscard]] std::uint64_t bytes_of(std::size_t piece) const;
  void require_online() const;
  void end(std::exception_ptr error);

  const HubAccess& hub_;
  const HubFile& file_;
  PieceStore& store_;
  const std::size_t wanted_;  // threads; fewer where no more can be had
  StopFlag cancelled_;
  mutable std::mutex mutex_;  // of the three below
  std::deque<std::size_t> claimed_;
  std::set<std::size_t> missing_;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_DOWNLOAD_H_
