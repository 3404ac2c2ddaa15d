#include "staging_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

#include "directory_lock.h"
#include "gamma_extract/source.h"

namespace gamma_extract {
namespace {

constexpr std::string_view prefix = ".gamma-extract-";
constexpr std::string_view alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::size_t suffix_length = 6;
constexpr int max_attempts = 100;

std::string random_name() {
  std::random_device random;
  std::uniform_int_distribution<std::size_t> letter(0, alphabet.size() - 1);
  std::string name(prefix);
  for (std::size_t i = 0; i < suffix_length; ++i) name += alphabet[letter(random)];
  return name;
}

bool is_staging_name(std::string_view name) noexcept {
  return name.size() == prefix.size() + suffix_length && name.starts_with(prefix) &&
         name.substr(prefix.size()).find_first_not_of(alphabet) == std::string_view::npos;
}

Descriptor open_directory(int parent, const char* name) noexcept {
  return Descriptor(
      ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
}

// Calls `visit` with the name of each entry of a directory, itself and its parent included.
template <class Visit>
void for_each_entry(int directory, Visit visit) noexcept {
  // A descriptor of its own: reading moves the position of the one it is given.
  Descriptor descriptor = open_directory(directory, ".");
  if (descriptor.get() < 0) return;
  const auto close = [](DIR* stream) { ::closedir(stream); };
  const std::unique_ptr<DIR, decltype(close)> stream(::fdopendir(descriptor.get()), close);
  if (!stream) return;
  descriptor.release();
  // readdir is safe here: the stream belongs to this call alone.
  while (const dirent* entry = ::readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe)
    visit(static_cast<const char*>(entry->d_name));
  }
}

void remove_directory(int parent, const char* name, int directory) noexcept {
  // This removes no directory: there unlinkat fails without AT_REMOVEDIR.
  for_each_entry(directory, [directory](const char* file) { ::unlinkat(directory, file, 0); });
  ::unlinkat(parent, name, AT_REMOVEDIR);
}

}  // namespace

StagingDirectory::StagingDirectory(int parent, bool lock) : parent_(parent) {
  int error_number = create();
  if (error_number == 0 && lock && try_lock(descriptor_.get()) != LockResult::taken) {
    error_number = ENOLCK;
  }
  if (error_number == 0) return;
  ::unlinkat(parent, name_.c_str(), AT_REMOVEDIR);
  throw std::system_error(error_number, std::generic_category());
}

int StagingDirectory::create() {
  int error_number = EEXIST;
  for (int i = 0; i < max_attempts && error_number == EEXIST; ++i) {
    name_ = random_name();
    error_number = ::mkdirat(parent_, name_.c_str(), 0700) == 0 ? 0 : errno;
  }
  if (error_number != 0) return error_number;
  descriptor_ = open_directory(parent_, name_.c_str());
  return descriptor_.get() < 0 ? errno : 0;
}

StagingDirectory::~StagingDirectory() {
  if (!kept_) remove_directory(parent_, name_.c_str(), descriptor_.get());
}

void remove_dead_staging(int parent) noexcept {
  for_each_entry(parent, [parent](const char* name) {
    if (!is_staging_name(name)) return;
    const Descriptor directory = open_directory(parent, name);
    if (directory.get() < 0 || try_lock(directory.get()) != LockResult::taken) return;
    remove_directory(parent, name, directory.get());
  });
}

}  // namespace gamma_extract
