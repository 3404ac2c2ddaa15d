#include "remote_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "download.h"
#include "gamma_extract/error.h"
#include "piece_store.h"

namespace gamma_extract {

struct RemoteSource::Range {
  Range(const HubAccess& hub, const HubFile& file, const RemoteRange& remote)
      : begin(remote.begin),
        end(remote.end),
        store(remote, places(hub, remote), hub.observer),
        download(hub, file, store) {}

  static PiecePlaces places(const HubAccess& hub, const RemoteRange& remote) {
    PiecePlaces places{.kept = std::nullopt, .may_keep = hub.cache->keeps(), .spill = hub.scratch};
    if (hub.keep) {
      places.kept = hub.cache->pieces_path(hub.commit, remote.file, remote.begin, remote.end);
    }
    return places;
  }

  std::uint64_t begin;
  std::uint64_t end;
  PieceStore store;
  Download download;  // ends before its store
};

RemoteSource::RemoteSource(std::shared_ptr<const HubAccess> hub, HubFile file, std::string header)
    : hub_(std::move(hub)),
      file_(std::move(file)),
      header_(std::move(header)),
      path_(std::filesystem::path(hub_->id) / file_.name) {}

RemoteSource::~RemoteSource() = default;

void RemoteSource::prepare(std::uint64_t offset, std::uint64_t bytes) const {
  ranges_.push_back(std::make_unique<Range>(*hub_, file_,
                                            RemoteRange{.repo = hub_->id,
                                                        .commit = hub_->commit,
                                                        .file = file_.name,
                                                        .etag = file_.etag,
                                                        .file_bytes = file_.size,
                                                        .begin = offset,
                                                        .end = offset + bytes}));
}

RemoteSource::Range& RemoteSource::range(std::uint64_t begin, std::uint64_t end) const {
  const auto found = std::ranges::find_if(
      ranges_, [&](const auto& each) { return each->begin <= begin && end <= each->end; });
  if (found != ranges_.end()) return **found;
  fail(Fault::file_truncated, "{}: of its bytes {} to {} none were fetched; please report this",
       path_.string(), begin, end);
}

void RemoteSource::read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
  const std::uint64_t end = offset + bytes.size();
  if (end <= header_.size()) {
    std::memcpy(bytes.data(), header_.data() + offset, bytes.size());
    return;
  }
  Range& here = range(offset, end);
  here.store.wait_whole(offset, end, [&] { here.download.check(); });
  here.store.read_at(offset, bytes);
}

}  // namespace gamma_extract
