#include "kept_pieces.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "created_directories.h"
#include "file_io.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

// Each time another run has replaced the map in between, or somebody has deleted it.
constexpr int max_attempts = 100;

[[noreturn]] void fail_with(int error_number) {
  throw std::system_error(error_number, std::generic_category());
}

Descriptor open_file(const fs::path& path, int flags) {
  // O_NONBLOCK, so that opening a pipe does not wait for ever.
  Descriptor descriptor(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0666));
  if (descriptor.get() < 0) fail_with(errno);
  return descriptor;
}

std::uint64_t size_of(const Descriptor& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_with(errno);
  return static_cast<std::uint64_t>(status.st_size);
}

std::string text_of(const Descriptor& file) {
  std::string text(size_of(file), '\0');
  const int error = read_all(file.get(), 0, std::as_writable_bytes(std::span(text)));
  // Whoever holds the lock may have cut it off meanwhile.
  if (error == ENODATA) return "";
  if (error != 0) fail_with(error);
  return text;
}

bool leads_to(const fs::path& path, const Descriptor& file) {
  struct stat named {};
  struct stat opened {};
  return ::stat(path.c_str(), &named) == 0 && ::fstat(file.get(), &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

}  // namespace

KeptPieces::KeptPieces(const fs::path& base, const RemoteRange& range, bool may_write,
                       const Observer& observer)
    : map_path_(base.string() + ".pieces"), data_path_(base.string() + ".data") {
  error_ = may_write ? open_to_write(range, observer) : EROFS;
  if (error_ != 0) open_to_read(range);
}

int KeptPieces::open_to_write(const RemoteRange& range, const Observer& observer) {
  CreatedDirectories parents;  // those that stay empty, since this fails, go again
  if (const int error = parents.create(map_path_.parent_path()); error != 0) return error;
  try {
    for (int i = 0; i < max_attempts; ++i) {
      open_or_create();
      read(range);
      if (is_complete()) return 0;
      lock(observer);
      if (leads_to(map_path_, map_) && read_locked(range) == Opened::yes) return 0;
      unlock();
    }
    return EBUSY;
  } catch (const std::system_error& error) {
    unlock();
    return error.code().value();
  }
}

void KeptPieces::open_to_read(const RemoteRange& range) {
  try {
    map_ = open_file(map_path_, O_RDONLY);
    data_ = open_file(data_path_, O_RDONLY);
    read(range);
  } catch (const std::system_error&) {
    contents_ = parse_piece_map("", range);
  }
}

void KeptPieces::open_or_create() {
  map_ = open_file(map_path_, O_RDWR | O_CREAT | O_APPEND);
  data_ = open_file(data_path_, O_RDWR | O_CREAT);
}

void KeptPieces::lock(const Observer& observer) {
  const auto told = [&] {
    observer.progress.note.set("another run is fetching this; waiting for it");
    observer.warn(
        fmt::format("{}: another run is fetching this; waiting for it", data_path_.string()));
  };
  lock_.emplace(map_.get(), observer.stop, told);
  observer.progress.note.clear();
}

KeptPieces::Opened KeptPieces::read_locked(const RemoteRange& range) {
  read(range);
  if (contents_.valid_bytes == 0 && size_of(map_) > 0) {
    // Of another file, or damaged at the very beginning.
    ::unlink(data_path_.c_str());
    if (::unlink(map_path_.c_str()) != 0 && errno != ENOENT) fail_with(errno);
    return Opened::again;
  }
  if (contents_.valid_bytes == 0) {
    const std::string head = piece_map_head(range);
    const int error = write_all(map_.get(), 0, std::as_bytes(std::span(head)));
    if (error != 0) fail_with(error);
    contents_.valid_bytes = head.size();
  }
  map_bytes_ = contents_.valid_bytes;
  if (::ftruncate(map_.get(), static_cast<off_t>(map_bytes_)) != 0) fail_with(errno);
  if (is_complete()) unlock();
  return Opened::yes;
}

void KeptPieces::read(const RemoteRange& range) {
  contents_ = parse_piece_map(text_of(map_), range);
  map_bytes_ = contents_.valid_bytes;
  const std::uint64_t range_bytes = range.end - range.begin;
  const std::uint64_t data_bytes = size_of(data_);
  for (std::size_t i = 0; i < contents_.xxh3.size(); ++i) {
    if (std::min((i + 1) * piece_bytes, range_bytes) > data_bytes) contents_.xxh3[i].reset();
  }
}

bool KeptPieces::is_complete() const {
  return contents_.valid_bytes > 0 && contents_.valid_bytes == size_of(map_) &&
         std::ranges::all_of(contents_.xxh3, [](const auto& xxh3) { return xxh3.has_value(); });
}

int KeptPieces::read_at(std::uint64_t offset, std::span<std::byte> bytes) const noexcept {
  return read_all(data_.get(), offset, bytes);
}

int KeptPieces::write(std::size_t piece, std::span<const std::byte> bytes, std::uint64_t xxh3) {
  if (const int error = write_all(data_.get(), piece * piece_bytes, bytes); error != 0) {
    return error;
  }
  const std::string line = piece_map_line(piece, xxh3);
  const std::lock_guard guard(map_mutex_);
  const int error = write_all(map_.get(), map_bytes_, std::as_bytes(std::span(line)));
  if (error == 0) {
    map_bytes_ += line.size();
  } else {
    // A torn line would hide those after it. If this fails too, they are fetched again some day.
    [[maybe_unused]] const int ignored = ::ftruncate(map_.get(), static_cast<off_t>(map_bytes_));
  }
  return error;
}

}  // namespace gamma_extract
