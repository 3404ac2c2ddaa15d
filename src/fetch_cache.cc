#include "fetch_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <system_error>
#include <utility>

#include "created_directories.h"
#include "file_io.h"
#include "gamma_extract/error.h"
#include "gamma_extract/hash.h"
#include "gamma_extract/source.h"
#include "model_cache.h"
#include "not_kept.h"
#include "repo_id.h"
#include "url.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

constexpr int schema = 1;
// The largest header that a safetensors file may have is 100 MB, of which 8 bytes more are read.
constexpr std::uint64_t max_entry_bytes = 128U << 20U;
constexpr std::uint64_t max_ref_bytes = 1000;
// Of the 255 that a name may have, some go to the kind of the entry and to a temporary's suffix.
constexpr std::size_t max_name = 150;

constexpr std::string_view text_kind = "text";
constexpr std::string_view header_kind = "header";
constexpr std::string_view absent_kind = "absent";

/// A name for what a stranger calls `text`. No two texts have the same one: a percent sign stands
/// only before what it encodes, and before a sha256.
std::string name_for(std::string_view text) {
  std::string name = percent_encoded(text, "_-.");
  if (name.starts_with('.')) name.replace(0, 1, "%2E");
  if (!name.empty() && name.size() <= max_name) return name;
  return "%sha256-" + sha256_hex(std::as_bytes(std::span(text)));
}

/// The first line of an entry, without its newline. Its XXH3 covers what the line says, too.
std::string first_line(const std::string& file, const FetchCache::Entry& entry) {
  nlohmann::ordered_json line{
      {"schema", schema}, {"file", file}, {"etag", entry.etag}, {"file_bytes", entry.file_bytes}};
  const auto text = [&line] {
    return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
  };
  Xxh3Stream xxh3;
  const std::string said = text();
  xxh3.update(std::as_bytes(std::span(said)));
  xxh3.update(std::as_bytes(std::span(entry.bytes)));
  line["xxh3"] = xxh3.hex();
  return text();
}

std::optional<FetchCache::Entry> parse(std::string_view text, const std::string& file) {
  const std::string_view line = text.substr(0, text.find('\n'));
  if (line.size() == text.size()) return std::nullopt;
  const nlohmann::json said = nlohmann::json::parse(line, nullptr, false);
  if (!said.contains("etag") || !said["etag"].is_string() || !said.contains("file_bytes") ||
      !said["file_bytes"].is_number_unsigned()) {
    return std::nullopt;
  }
  FetchCache::Entry entry{.bytes = std::string(text.substr(line.size() + 1)),
                          .etag = said["etag"].get<std::string>(),
                          .file_bytes = said["file_bytes"].get<std::uint64_t>()};
  // This compares the file's name, too.
  if (first_line(file, entry) != line) return std::nullopt;
  return entry;
}

/// A new name beside `path`. A killed run leaves it there; no other takes it for its own.
fs::path temporary_beside(const fs::path& path) {
  std::random_device random;
  return path.string() + fmt::format(".{:08x}.tmp", random());
}

/// Puts a file of that content in the place of `path`, whatever is there.
int replace(const fs::path& path, std::string_view first, std::string_view rest) {
  const fs::path temporary = temporary_beside(path);
  Descriptor file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (file.get() < 0) return errno;
  int error = write_all(file.get(), 0, std::as_bytes(std::span(first)));
  if (error == 0) error = write_all(file.get(), first.size(), std::as_bytes(std::span(rest)));
  if (const int at_closing = file.close(); error == 0) error = at_closing;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(temporary.c_str());
  return error;
}

// https://bford.info/cachedir/
constexpr std::string_view tag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file marks a cache of gamma-extract: what it fetched from the Hugging Face Hub.\n"
    "# Anything here may be deleted at any time; it is fetched again when it is needed.\n";

int write_tag(const fs::path& root) {
  const fs::path path = root / "CACHEDIR.TAG";
  return ::access(path.c_str(), F_OK) == 0 ? 0 : replace(path, tag, "");
}

}  // namespace

fs::path fetch_cache_root(const Environment& environment) {
  const auto variable = [&](const char* name) { return environment.variable(name).value_or(""); };
  try {
    if (const std::string own = variable("GAMMA_EXTRACT_CACHE"); !own.empty()) {
      return expand_home(own, environment);
    }
    const std::string all = variable("XDG_CACHE_HOME");
    return expand_home(all.empty() ? "~/.cache" : all, environment) / "gamma-extract";
  } catch (const Error&) {
    return {};  // there is no home directory
  }
}

FetchCache::FetchCache(fs::path root, const std::string& repo_id, Observer observer)
    : root_(std::move(root)),
      repo_(root_.empty() ? fs::path() : root_ / name_for(repo_directory(repo_id))),
      observer_(std::move(observer)) {}

bool FetchCache::has(const std::string& commit) const {
  std::error_code ignored;
  return !root_.empty() && fs::is_directory(repo_ / name_for(commit), ignored);
}

bool FetchCache::knows_model() const {
  std::error_code ignored;
  return !root_.empty() && fs::is_directory(repo_, ignored);
}

std::optional<FetchCache::Ref> FetchCache::ref(const std::string& revision) const {
  if (root_.empty()) return std::nullopt;
  const fs::path path = ref_path(revision);
  try {
    std::string commit = read_text(path, max_ref_bytes, Fault::ref_invalid);
    if (commit.ends_with('\n')) commit.pop_back();
    std::error_code error;
    const fs::file_time_type written = fs::last_write_time(path, error);
    if (error || !is_commit(commit)) return std::nullopt;
    return Ref{.commit = std::move(commit), .written = written};
  } catch (const Error&) {
    return std::nullopt;
  }
}

void FetchCache::save_ref(const std::string& revision, const std::string& commit) {
  write(ref_path(revision), commit, "\n");
}

std::optional<FetchCache::Entry> FetchCache::text(const std::string& commit,
                                                  const std::string& file) const {
  return read({.kind = text_kind, .commit = commit, .file = file});
}

void FetchCache::save_text(const std::string& commit, const std::string& file, const Entry& entry) {
  save({.kind = text_kind, .commit = commit, .file = file}, entry);
}

std::optional<FetchCache::Entry> FetchCache::header(const std::string& commit,
                                                    const std::string& file) const {
  return read({.kind = header_kind, .commit = commit, .file = file});
}

void FetchCache::save_header(const std::string& commit, const std::string& file,
                             const Entry& entry) {
  save({.kind = header_kind, .commit = commit, .file = file}, entry);
}

void FetchCache::forget_header(const std::string& commit, const std::string& file) {
  if (root_.empty()) return;
  std::error_code ignored;
  fs::remove(entry_path({.kind = header_kind, .commit = commit, .file = file}), ignored);
}

bool FetchCache::is_absent(const std::string& commit, const std::string& file) const {
  return read({.kind = absent_kind, .commit = commit, .file = file}).has_value();
}

void FetchCache::save_absent(const std::string& commit, const std::string& file) {
  save({.kind = absent_kind, .commit = commit, .file = file}, {});
}

std::optional<fs::path> FetchCache::pieces_path(const std::string& commit, const std::string& file,
                                                std::uint64_t begin, std::uint64_t end) const {
  if (root_.empty()) return std::nullopt;
  return repo_ / name_for(commit) / fmt::format("{}.{}-{}", name_for(file), begin, end);
}

fs::path FetchCache::ref_path(const std::string& revision) const {
  return repo_ / "refs" / name_for(revision);
}

fs::path FetchCache::entry_path(const Name& name) const {
  return repo_ / name_for(name.commit) / fmt::format("{}.{}", name_for(name.file), name.kind);
}

std::optional<FetchCache::Entry> FetchCache::read(const Name& name) const {
  if (root_.empty()) return std::nullopt;
  try {
    return parse(read_text(entry_path(name), max_entry_bytes, Fault::file_unreadable), name.file);
  } catch (const Error&) {
    return std::nullopt;  // not there, or not to be read: it will be fetched
  }
}

void FetchCache::save(const Name& name, const Entry& entry) {
  write(entry_path(name), first_line(name.file, entry) + "\n", entry.bytes);
}

void FetchCache::write(const fs::path& path, std::string_view first, std::string_view rest) {
  if (failed_) return;
  CreatedDirectories parents;  // those that stay empty, since this fails, go again
  int error = root_.empty() ? ENOENT : parents.create(path.parent_path());
  if (error == 0) error = write_tag(root_);
  if (error == 0) error = replace(path, first, rest);
  if (error == 0 || failed_.exchange(true)) return;
  if (root_.empty()) {
    observer_.warn(
        "there is no home directory for the cache of what is fetched; the run goes on without "
        "keeping it; set GAMMA_EXTRACT_CACHE to a directory");
    return;
  }
  observer_.warn(not_kept(root_, error));
}

}  // namespace gamma_extract
