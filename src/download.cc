#include "download.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "gamma_extract/error.h"
#include "gamma_extract/text.h"
#include "quiet_thread.h"

namespace gamma_extract {
namespace {

// A request costs a round trip, and a short one little else; but what a connection has taken, no
// other can help with.
constexpr std::size_t most_pieces = 16;
constexpr std::size_t fewest_pieces = 2;

}  // namespace

Download::Download(const HubAccess& hub, const HubFile& file, PieceStore& store)
    : hub_(hub),
      file_(file),
      store_(store),
      wanted_(std::clamp<std::size_t>(store.size(), 1, hub.connections)) {
  for (const std::size_t piece : store.claimed()) claimed_.push_back(piece);
  for (const std::size_t piece : store.missing()) {
    missing_.insert(piece);
    hub.observer.progress.to_fetch += bytes_of(piece);
  }

  threads_.reserve(wanted_);
  try {
    while (threads_.size() < wanted_) threads_.push_back(quiet_thread([this] { work(); }));
  } catch (const std::system_error&) {
    if (threads_.empty()) throw;  // else fewer do
  }
}

Download::~Download() {
  cancelled_.request(1);
  for (std::thread& thread : threads_) thread.join();
}

void Download::check() const {
  hub_.observer.stop.check();
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
}

void Download::work() {
  try {
    while (cancelled_.signal() == 0) {
      if (const auto piece = take_claimed()) {
        verify(*piece);
      } else if (const auto span = take_missing()) {
        fetch(*span);
      } else {
        return;
      }
    }
  } catch (const Stopped&) {  // NOLINT(bugprone-empty-catch)
    // Whoever stopped it knows.
  } catch (...) {
    end(std::current_exception());
  }
}

std::optional<std::size_t> Download::take_claimed() {
  const std::lock_guard lock(mutex_);
  if (claimed_.empty()) return std::nullopt;
  const std::size_t piece = claimed_.front();
  claimed_.pop_front();
  return piece;
}

std::optional<Download::Span> Download::take_missing() {
  const std::lock_guard lock(mutex_);
  if (missing_.empty()) return std::nullopt;
  const std::size_t share = missing_.size() / (2 * wanted_);
  const std::size_t most = std::clamp(share, fewest_pieces, most_pieces);
  Span span{.first = *missing_.begin(), .count = 0};
  while (span.count < most && missing_.erase(span.first + span.count) == 1) ++span.count;
  return span;
}

void Download::verify(std::size_t piece) {
  if (store_.verify(piece)) return;
  hub_.observer.progress.to_fetch += bytes_of(piece);
  const std::lock_guard lock(mutex_);
  missing_.insert(piece);
}

void Download::fetch(const Span& span) {
  require_online();
  std::size_t piece = span.first;
  const std::uint64_t begin = store_.piece(piece).first;
  const std::uint64_t end = store_.piece(span.first + span.count - 1).second;
  const auto take = [&](std::uint64_t offset, std::span<const std::byte> bytes) {
    store_.write(offset, bytes);
    hub_.observer.progress.fetched += bytes.size();
    const std::uint64_t reached = offset + bytes.size();
    while (piece < span.first + span.count && store_.piece(piece).second <= reached) {
      store_.finish(piece++);
    }
  };
  try {
    hub_.client->read_range(hub_.commit, file_, begin, end, take, cancelled_);
  } catch (const Error& error) {
    if (error.fault() == Fault::hub_file_changed) {
      hub_.cache->forget_header(hub_.commit, file_.name);
    }
    throw;
  }
}

std::uint64_t Download::bytes_of(std::size_t piece) const {
  const auto [begin, end] = store_.piece(piece);
  return end - begin;
}

void Download::require_online() const {
  if (hub_.client) return;
  fail(Fault::model_not_cached,
       "{}/{}: offline, and of its tensor not all is in the cache {}; run once with a network",
       hub_.id, file_.name, hub_.cache->root().string());
}

void Download::end(std::exception_ptr error) {
  {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  cancelled_.request(1);
}

}  // namespace gamma_extract
