#include "piece_store.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>

#include "gamma_extract/error.h"
#include "gamma_extract/hash.h"
#include "not_kept.h"

namespace gamma_extract {
namespace {

constexpr std::chrono::milliseconds look_again{50};

}  // namespace

PieceStore::PieceStore(const RemoteRange& range, PiecePlaces places, Observer observer)
    : range_(range),
      places_(std::move(places)),
      observer_(std::move(observer)),
      states_(piece_count(range)) {
  if (places_.kept) {
    kept_ = std::make_unique<KeptPieces>(*places_.kept, range_, places_.may_keep, observer_);
    keeping_ = places_.may_keep;
  }
  for (std::size_t i = 0; i < size(); ++i) {
    const bool claimed = kept_ && kept_->xxh3(i);
    states_[i] = claimed ? State::claimed : State::missing;
    missing_ += claimed ? 0 : 1;
  }
  if (missing_ == 0) return;
  if (keeping_ && kept_->error() != 0) stop_keeping(kept_->error());
  // Here, so that too little room is an error before anything is fetched.
  if (!keeping_) spill();
}

std::uint64_t PieceStore::bytes_of(std::size_t index) const {
  return std::min(piece_bytes, range_.end - range_.begin - index * piece_bytes);
}

std::pair<std::uint64_t, std::uint64_t> PieceStore::piece(std::size_t index) const {
  const std::uint64_t begin = range_.begin + index * piece_bytes;
  return {begin, begin + bytes_of(index)};
}

std::vector<std::size_t> PieceStore::pieces_that_are(State state) const {
  std::vector<std::size_t> pieces;
  for (std::size_t i = 0; i < size(); ++i) {
    if (states_[i] == state) pieces.push_back(i);
  }
  return pieces;
}

bool PieceStore::is_whole(std::size_t index) const {
  return is_here(states_.at(index));
}

bool PieceStore::verify(std::size_t index) {
  if (states_.at(index) != State::claimed) return is_whole(index);
  std::vector<std::byte> bytes(bytes_of(index));
  const bool whole =
      kept_->read_at(index * piece_bytes, bytes) == 0 && xxh3_64(bytes) == kept_->xxh3(index);
  change(index, State::claimed, whole ? State::kept : State::missing);
  return is_whole(index);
}

bool PieceStore::change(std::size_t index, State from, State to) {
  {
    const std::lock_guard lock(mutex_);  // or a waiter could look, and then miss the call
    if (!states_[index].compare_exchange_strong(from, to)) return false;
    if (from == State::missing) --missing_;
    if (to == State::missing) ++missing_;
    if (missing_ == 0 && kept_) kept_->unlock();
  }
  changed_.notify_all();
  return true;
}

PieceStore::Part PieceStore::first_part(std::uint64_t offset, std::uint64_t bytes) const {
  if (offset < range_.begin || offset > range_.end || bytes > range_.end - offset) {
    throw std::logic_error("bytes outside the range of a PieceStore");
  }
  const std::uint64_t position = offset - range_.begin;
  const std::uint64_t within = position % piece_bytes;
  return {.piece = position / piece_bytes,
          .offset = within,
          .bytes = std::min(bytes, piece_bytes - within)};
}

void PieceStore::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const Part part = first_part(offset, bytes.size());
    if (states_[part.piece] != State::missing) {
      throw std::logic_error("bytes of a piece that is not missing");
    }
    std::vector<std::byte>* buffer = nullptr;
    {
      const std::lock_guard lock(mutex_);
      buffer = &parts_[part.piece];
    }
    if (part.offset > buffer->size()) throw std::logic_error("a gap within a piece");
    buffer->reserve(bytes_of(part.piece));
    buffer->resize(part.offset);
    const auto own = bytes.first(part.bytes);
    buffer->insert(buffer->end(), own.begin(), own.end());
    bytes = bytes.subspan(part.bytes);
    offset += part.bytes;
  }
}

std::vector<std::byte> PieceStore::take(std::size_t index) {
  const std::lock_guard lock(mutex_);
  const auto found = parts_.find(index);
  if (found == parts_.end() || found->second.size() != bytes_of(index)) {
    throw std::logic_error("a piece of which not all bytes were written");
  }
  return std::move(parts_.extract(found).mapped());
}

void PieceStore::finish(std::size_t index) {
  const std::vector<std::byte> bytes = take(index);
  if (keep(index, bytes)) {
    change(index, State::missing, State::kept);
  } else {
    spill().write_at(index * piece_bytes, bytes);
    change(index, State::missing, State::spilled);
  }
}

bool PieceStore::keep(std::size_t index, std::span<const std::byte> bytes) {
  if (!keeping_) return false;
  int error = kept_->error();
  if (error == 0) error = kept_->write(index, bytes, xxh3_64(bytes));
  if (error != 0) stop_keeping(error);
  return error == 0;
}

void PieceStore::stop_keeping(int error) {
  if (!keeping_.exchange(false)) return;
  {
    const std::lock_guard lock(mutex_);
    kept_->unlock();
  }
  observer_.warn(not_kept(kept_->data_path(), error));
}

SpillFile& PieceStore::spill() {
  const std::lock_guard lock(spill_mutex_);
  if (!spill_) spill_ = std::make_unique<SpillFile>(places_.spill, extents_to_spill());
  return *spill_;
}

std::vector<Extent> PieceStore::extents_to_spill() const {
  std::vector<Extent> extents;
  for (const std::size_t i : missing()) {
    const std::uint64_t begin = i * piece_bytes;
    if (extents.empty() || extents.back().end != begin) extents.push_back({begin, begin});
    extents.back().end += bytes_of(i);
  }
  return extents;
}

void PieceStore::wait_whole(std::uint64_t begin, std::uint64_t end,
                            const std::function<void()>& check) {
  if (begin == end) return;
  const std::size_t first = first_part(begin, end - begin).piece;
  const std::size_t last = first_part(end - 1, 1).piece;
  for (std::size_t i = first; i <= last; ++i) {
    while (!is_whole(i)) {
      check();
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, look_again, [&] { return is_whole(i); });
    }
  }
}

void PieceStore::read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const Part part = first_part(offset, bytes.size());
    const State state = states_[part.piece];
    if (!is_here(state)) throw std::logic_error("bytes of a piece that is not whole");
    const auto own = bytes.first(part.bytes);
    const std::uint64_t position = offset - range_.begin;
    if (state == State::spilled) {
      spill_->read_at(position, own);
    } else if (const int error = kept_->read_at(position, own); error == ENODATA) {
      fail(Fault::file_truncated, "{}: it was cut off while it was read; run again",
           kept_->data_path().string());
    } else if (error != 0) {
      fail(Fault::file_unreadable, "{}: cannot read byte {}: {}; check the disk",
           kept_->data_path().string(), position, system_message(error));
    }
    bytes = bytes.subspan(part.bytes);
    offset += part.bytes;
  }
}

}  // namespace gamma_extract
