#include "gamma_extract/output_set.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "created_directories.h"
#include "directory_lock.h"
#include "gamma_extract/error.h"
#include "gamma_extract/source.h"
#include "replacement.h"
#include "staging_directory.h"
#include "write_failure.h"

namespace gamma_extract {
namespace {

// Larger writes were measured to take five times as long for each byte.
constexpr std::size_t max_write = 1U << 20U;

// How often to try again when another run removes the output directory, which it created and did
// not fill, before this one's staging directory is in it.
constexpr int max_attempts = 10;

bool is_unsupported(int error_number) {
  return error_number == EOPNOTSUPP || error_number == ENOSYS || error_number == EINVAL;
}

// Calls `call` until no signal interrupts it. Returns 0 or what errno says. Throws Stopped.
template <class Call>
int retry_interrupted(const StopFlag& stop, Call call) {
  while (call() != 0) {
    if (errno != EINTR) return errno;
    stop.check();
  }
  return 0;
}

// What is free is taken before the first byte is computed, and in one piece.
int reserve(int descriptor, std::uint64_t bytes, const StopFlag& stop) {
  if (bytes == 0) return 0;
  const int error_number = retry_interrupted(
      stop, [&] { return ::fallocate(descriptor, 0, 0, static_cast<off_t>(bytes)); });
  return is_unsupported(error_number) ? 0 : error_number;
}

int sync_descriptor(int descriptor, const StopFlag& stop) {
  const int error_number = retry_interrupted(stop, [&] { return ::fsync(descriptor); });
  return is_unsupported(error_number) ? 0 : error_number;
}

}  // namespace

class OutputSet::State {
 public:
  State(std::filesystem::path directory, std::vector<PlannedFile> files, OutputOptions options,
        const StopFlag& stop, Warn warn)
      : path_(std::move(directory)),
        files_(std::move(files)),
        options_(options),
        stop_(stop),
        warn_(std::move(warn)) {
    for (int attempt = 1; !open_and_stage(); ++attempt) {
      if (attempt == max_attempts) fail_to_write(path_, ENOENT, "create files in it");
    }
    for (std::size_t i = 0; i < files_.size(); ++i) create_file(i);
  }

  void write_at(std::size_t index, std::uint64_t offset, std::span<const std::byte> bytes);
  void commit(const std::function<void()>& recheck);

  [[nodiscard]] std::filesystem::path path(std::size_t index) const {
    return path_ / files_.at(index).name;
  }

 private:
  bool open_and_stage();
  bool open_directory();
  [[nodiscard]] DirectoryLock lock_directory();
  void create_file(std::size_t index);
  void close_files();
  void rename_files(Replacements& replacements);
  void sync_directories();
  void undo(Replacements& replacements, const std::exception& reason);

  std::filesystem::path path_;
  std::vector<PlannedFile> files_;
  OutputOptions options_;
  const StopFlag& stop_;
  Warn warn_;
  bool warned_of_no_locks_ = false;

  // In the order in which they come to be; they go in the opposite one.
  CreatedDirectories created_;
  Descriptor directory_;
  std::unique_ptr<StagingDirectory> staging_;
  std::vector<Descriptor> descriptors_;
};

// False if the directory was removed meanwhile.
bool OutputSet::State::open_and_stage() {
  stop_.check();
  if (!open_directory()) return false;
  const DirectoryLock lock = lock_directory();
  if (lock.held()) remove_dead_staging(directory_.get());
  try {
    staging_ = std::make_unique<StagingDirectory>(directory_.get(), lock.held());
  } catch (const std::system_error& error) {
    if (error.code().value() == ENOENT) return false;
    fail_to_write(path_, error.code().value(), "create files in it");
  }
  return true;
}

bool OutputSet::State::open_directory() {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  directory_ = Descriptor(::open(path_.c_str(), flags));
  if (directory_.get() < 0 && errno == ENOENT) {
    const int error_number = created_.create(path_);
    if (error_number == ENOENT) return false;
    if (error_number != 0) fail_to_write(path_, error_number, "create it");
    directory_ = Descriptor(::open(path_.c_str(), flags));
  }
  if (directory_.get() >= 0) return true;
  if (errno != ENOENT) fail_to_write(path_, errno, "open it");
  return false;
}

DirectoryLock OutputSet::State::lock_directory() {
  const auto tell = [this](std::string_view what) {
    warn_(fmt::format("{}: {}", path_.string(), what));
  };
  DirectoryLock lock(directory_.get(), stop_,
                     [&] { tell("another process has locked it; waiting until it is done"); });
  if (!lock.held() && !std::exchange(warned_of_no_locks_, true)) {
    tell("this file system has no locks; do not run two at once here");
  }
  return lock;
}

void OutputSet::State::create_file(std::size_t index) {
  stop_.check();
  const PlannedFile& file = files_[index];
  Descriptor descriptor(::openat(staging_->descriptor(), file.name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (descriptor.get() < 0) fail_to_write(path(index), errno, "create it");
  if (const int error_number = reserve(descriptor.get(), file.bytes, stop_); error_number != 0) {
    fail_to_write(path(index), error_number);
  }
  descriptors_.push_back(std::move(descriptor));
}

void OutputSet::State::write_at(std::size_t index, std::uint64_t offset,
                                std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    stop_.check();
    const ssize_t count = ::pwrite(descriptors_.at(index).get(), bytes.data(),
                                   std::min(bytes.size(), max_write), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail_to_write(path(index), count < 0 ? errno : EIO);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

void OutputSet::State::commit(const std::function<void()>& recheck) {
  close_files();
  {
    const DirectoryLock lock = lock_directory();
    stop_.check();
    recheck();
    Replacements replacements(staging_->descriptor(), directory_.get());
    try {
      rename_files(replacements);
    } catch (const std::exception& reason) {
      undo(replacements, reason);
      throw;
    }
    created_.keep();
  }
  staging_.reset();  // with the old files
}

void OutputSet::State::close_files() {
  for (std::size_t i = 0; i < descriptors_.size(); ++i) {
    int error_number = options_.fsync ? sync_descriptor(descriptors_[i].get(), stop_) : 0;
    if (error_number == 0) error_number = descriptors_[i].close();
    if (error_number != 0) fail_to_write(path(i), error_number);
  }
}

void OutputSet::State::rename_files(Replacements& replacements) {
  // Once there is no way back, to go on is what leaves no mixture.
  const auto check_stop = [&] {
    if (replacements.reversible()) stop_.check();
  };
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (const int error_number = replacements.replace(files_[i].name); error_number != 0) {
      fail_to_write(path(i), error_number, "give the file its name");
    }
    check_stop();
  }
  if (options_.fsync) sync_directories();
  check_stop();
}

void OutputSet::State::sync_directories() {
  if (const int error_number = sync_descriptor(directory_.get(), stop_); error_number != 0) {
    fail_to_write(path_, error_number, "put it on the disk");
  }
  for (const auto& created : created_.paths()) {
    const std::filesystem::path parent = created.has_parent_path() ? created.parent_path() : ".";
    const Descriptor descriptor(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0) continue;  // a parent may be written to and not read
    if (const int error_number = sync_descriptor(descriptor.get(), stop_); error_number != 0) {
      fail_to_write(parent, error_number, "put it on the disk");
    }
  }
}

// Throws only if something could not be undone.
void OutputSet::State::undo(Replacements& replacements, const std::exception& reason) {
  const bool old_files_kept = replacements.reversible();
  const std::vector<std::string> stuck = replacements.undo();
  if (stuck.empty()) return;
  created_.keep();
  std::string kept;
  if (old_files_kept) {
    staging_->keep();
    kept = fmt::format("; until then the old files are in {}", staging_->name());
  }
  fail(Fault::output_unwritable,
       "{}: new and old files are mixed now: after an error ({}) these could not be put back: {}; "
       "run again, with --force if it was given{}",
       path_.string(), reason.what(), fmt::join(stuck, ", "), kept);
}

OutputSet::OutputSet(std::filesystem::path directory, std::vector<PlannedFile> files,
                     OutputOptions options, const StopFlag& stop, const Warn& warn)
    : state_(std::make_unique<State>(std::move(directory), std::move(files), options, stop, warn)) {
}

OutputSet::~OutputSet() = default;

void OutputSet::write_at(std::size_t index, std::uint64_t offset,
                         std::span<const std::byte> bytes) {
  state_->write_at(index, offset, bytes);
}

void OutputSet::commit(const std::function<void()>& recheck) {
  state_->commit(recheck);
}

std::filesystem::path OutputSet::path(std::size_t index) const {
  return state_->path(index);
}

}  // namespace gamma_extract
