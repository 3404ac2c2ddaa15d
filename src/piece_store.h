#ifndef GAMMA_EXTRACT_PIECE_STORE_H_
#define GAMMA_EXTRACT_PIECE_STORE_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "gamma_extract/observer.h"
#include "kept_pieces.h"
#include "piece_map.h"
#include "spill_file.h"

/// The bytes of a tensor as they come from the Hub, in pieces that are whole or missing.
///
/// Several connections fetch pieces at once, while the first pass reads those that are whole, in
/// its own order. They are kept in the program's own cache, so that a run which is killed loses
/// only the pieces under way, and a second run fetches nothing; or else in a file without a name,
/// so that the second pass fetches nothing again.
///
/// What was kept by an earlier run is only claimed to be whole: each use compares its XXH3
/// (`verify`) before a byte of it is believed. A piece that is not what it was is missing, and
/// replaced.
namespace gamma_extract {

/// Where pieces may lie.
struct PiecePlaces {
  /// The base name in the own cache (FetchCache::pieces_path); nothing with --no-cache.
  std::optional<std::filesystem::path> kept;
  /// False: what is kept is used and nothing is added, since the user knows already that the cache
  /// cannot be written (FetchCache::keeps).
  bool may_keep = true;
  /// Directories in which a file without a name may lie, the best first.
  std::vector<std::filesystem::path> spill;
};

/// Safe to use from several threads; but what is written of one piece comes from one at a time.
class PieceStore {
 public:
  /// Opens or creates the entry of `range` in the cache. While another run fills it, waits, which
  /// is told after some seconds (a process that opens an entry twice waits for itself). Where the
  /// cache cannot be written, warns and goes on without.
  /// Throws Stopped; and where pieces will have to lie elsewhere and no directory has room for
  /// them, what SpillFile throws.
  PieceStore(const RemoteRange& range, PiecePlaces places, Observer observer);

  /// How many pieces there are.
  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }
  /// The bytes of one, [begin, end) of the remote file.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> piece(std::size_t index) const;

  /// Pieces that an earlier run has kept, and that `verify` has not yet looked at.
  [[nodiscard]] std::vector<std::size_t> claimed() const { return pieces_that_are(State::claimed); }
  /// Pieces to be fetched: neither claimed nor whole.
  [[nodiscard]] std::vector<std::size_t> missing() const { return pieces_that_are(State::missing); }
  [[nodiscard]] bool is_whole(std::size_t index) const;

  /// Reads a claimed piece and compares its XXH3. True: it is whole now. False: it is missing now.
  bool verify(std::size_t index);

  /// Takes bytes that belong at `offset` of the remote file, of one or several missing pieces.
  /// Within a piece they come in order; it may be begun anew, or taken up at any byte that it
  /// already has. They stay in memory until the piece is finished.
  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Stores a piece of which all bytes were written: first they, then its hash. It is whole now.
  /// Where the cache fails, warns once, and this piece and all later ones go to the spill file, for
  /// which SpillFile's errors are thrown.
  void finish(std::size_t index);

  /// Blocks until every piece of [begin, end) of the remote file is whole. `check`, which may
  /// throw, is called at least every 100 ms meanwhile.
  void wait_whole(std::uint64_t begin, std::uint64_t end, const std::function<void()>& check);

  /// Reads bytes at `offset` of the remote file, from pieces that are whole. Throws
  /// file_unreadable, or file_truncated if somebody has cut off the cache's file meanwhile.
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const;

 private:
  enum class State : std::uint8_t { missing, claimed, kept, spilled };
  static bool is_here(State state) { return state == State::kept || state == State::spilled; }

  [[nodiscard]] std::vector<std::size_t> pieces_that_are(State state) const;

  struct Part {
    std::size_t piece = 0;
    std::uint64_t offset = 0;  // within the piece
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Part first_part(std::uint64_t offset, std::uint64_t bytes) const;
  [[nodiscard]] std::uint64_t bytes_of(std::size_t index) const;
  std::vector<std::byte> take(std::size_t index);
  bool keep(std::size_t index, std::span<const std::byte> bytes);
  void stop_keeping(int error);
  SpillFile& spill();
  [[nodiscard]] std::vector<Extent> extents_to_spill() const;
  bool change(std::size_t index, State from, State to);

  RemoteRange range_;
  PiecePlaces places_;
  Observer observer_;
  std::vector<std::atomic<State>> states_;
  std::atomic<std::size_t> missing_{0};

  std::unique_ptr<KeptPieces> kept_;  // nothing with --no-cache
  std::atomic<bool> keeping_{false};
  std::unique_ptr<SpillFile> spill_;  // made when it is needed
  std::mutex spill_mutex_;

  std::mutex mutex_;  // of the two below
  std::condition_variable changed_;
  std::map<std::size_t, std::vector<std::byte>> parts_;  // of the pieces under way
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_PIECE_STORE_H_
