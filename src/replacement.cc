#include "replacement.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace gamma_extract {
namespace {

// What says that a call is not to be had here, and not that it went wrong. EPERM is among them for
// containers whose filter answers so to calls that it does not know, and for file systems without
// hard links: where permission is what is missing, the plain rename is refused as well.
bool is_unsupported(int error_number) {
  switch (error_number) {
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
    case EPERM:
    case EMLINK:
    case EXDEV:
      return true;
    default:
      return false;
  }
}

}  // namespace

int Replacements::replace(const std::string& name) {
  done_.reserve(done_.size() + 1);  // so that no rename is forgotten for want of memory
  Done done{.name = name, .way_back = WayBack::none};
  struct stat status {};
  int error_number = 0;
  if (::fstatat(directory_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    error_number = errno == ENOENT ? create(name, done) : errno;
  } else if (S_ISDIR(status.st_mode)) {
    error_number = EISDIR;
  } else if (calls_.renameat2(staging_, name.c_str(), directory_, name.c_str(), RENAME_EXCHANGE) ==
             0) {
    done.way_back = WayBack::exchange;
  } else {
    error_number = is_unsupported(errno) ? replace_linked(name, done) : errno;
  }
  if (error_number == 0) done_.push_back(std::move(done));
  return error_number;
}

int Replacements::create(const std::string& name, Done& done) const {
  done.way_back = WayBack::remove;
  if (calls_.renameat2(staging_, name.c_str(), directory_, name.c_str(), RENAME_NOREPLACE) == 0) {
    return 0;
  }
  if (!is_unsupported(errno)) return errno;
  return calls_.renameat(staging_, name.c_str(), directory_, name.c_str()) == 0 ? 0 : errno;
}

int Replacements::replace_linked(const std::string& name, Done& done) {
  const std::string old = old_name(done_.size());
  if (calls_.linkat(directory_, name.c_str(), staging_, old.c_str(), 0) == 0) {
    done.way_back = WayBack::rename_link;
  } else if (!is_unsupported(errno)) {
    return errno;
  }
  return calls_.renameat(staging_, name.c_str(), directory_, name.c_str()) == 0 ? 0 : errno;
}

bool Replacements::reversible() const noexcept {
  return std::ranges::none_of(done_,
                              [](const Done& done) { return done.way_back == WayBack::none; });
}

std::vector<std::string> Replacements::undo() {
  std::vector<std::string> stuck;
  for (std::size_t i = done_.size(); i-- > 0;) {
    if (undo(i) != 0) stuck.push_back(done_[i].name);
  }
  done_.clear();
  return stuck;
}

int Replacements::undo(std::size_t index) const {
  const char* name = done_[index].name.c_str();
  switch (done_[index].way_back) {
    case WayBack::remove:
      return calls_.unlinkat(directory_, name, 0);
    case WayBack::exchange:
      return calls_.renameat2(staging_, name, directory_, name, RENAME_EXCHANGE);
    case WayBack::rename_link:
      return calls_.renameat(staging_, old_name(index).c_str(), directory_, name);
    case WayBack::none:
      return -1;
  }
  return -1;
}

}  // namespace gamma_extract
