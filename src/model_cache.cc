#include "model_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "fetch_cache.h"
#include "file_type.h"
#include "gamma_extract/error.h"
#include "gamma_extract/source.h"
#include "repo_id.h"
#include "suggestion.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t commit_digits = 40;

// A commit, and whatever white space an editor left after it.
constexpr std::uint64_t max_ref_bytes = 1000;

bool leads_to_directory(const fs::path& path) {
  return file_type_of(path) == fs::file_type::directory;
}

/// Whether `revision` names a file below `refs`, judged by its text. git has no such names either.
bool can_be_ref(const std::string& revision) {
  const fs::path path(revision);
  return path.has_filename() && !path.is_absolute() && revision.find('\0') == std::string::npos &&
         revision.find("//") == std::string::npos &&
         std::ranges::none_of(path,
                              [](const fs::path& part) { return part == ".." || part == "."; });
}

/// A model of the cache whose id is like that one, as the end of a clause, or nothing.
std::string similar_model(const CacheRequest& request) {
  std::vector<std::string> ids;
  std::error_code error;
  for (fs::directory_iterator entry(request.cache, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (auto id = repo_id_of_directory(entry->path().filename().string())) {
      ids.push_back(*std::move(id));
    }
  }
  std::ranges::sort(ids);
  const std::optional<std::string> similar = nearest(request.id, ids);
  return similar ? ", which has " + *similar : "";
}

/// The branches and tags that the cache knows, sorted, for a message.
std::vector<std::string> known_revisions(const fs::path& refs) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(refs, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->is_regular_file(error)) names.push_back(entry->path().lexically_relative(refs));
  }
  std::ranges::sort(names);
  return names;
}

/// What the revision might have been meant to be.
std::string hint(const CacheRequest& request, const fs::path& refs) {
  constexpr std::size_t abbreviated = 7;  // git's shortest
  constexpr std::string_view hex = "0123456789abcdefABCDEF";
  const std::string& revision = request.revision;
  if (revision.size() >= abbreviated && revision.find_first_not_of(hex) == std::string::npos) {
    return ", and a commit is named by all of its 40 digits, in lower case";
  }
  const std::vector<std::string> known = known_revisions(refs);
  constexpr std::size_t most = 5;
  if (known.empty()) return "";
  if (known.size() > most) return fmt::format(", only {} others", known.size());
  return fmt::format(", only {}", fmt::join(known, ", "));
}

/// A commit, and when it was noted.
struct Ref {
  std::string commit;
  fs::file_time_type written;
};

/// What the cache has for a branch or tag.
std::optional<Ref> cached_ref(const CacheRequest& request, const fs::path& refs) {
  const fs::path file = refs / request.revision;
  if (file_type_of(file) != fs::file_type::regular) return std::nullopt;
  std::string text = read_text(file, max_ref_bytes, Fault::ref_invalid);
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  if (!is_lower_hex(text)) {
    fail(Fault::ref_invalid, "{}: it holds \"{}\", which is no commit; {}", file.string(), text,
         request.remedy);
  }
  std::error_code ignored;
  return Ref{.commit = std::move(text), .written = fs::last_write_time(file, ignored)};
}

/// The commit that the Hub last named for a branch or tag.
std::optional<std::string> last_named(const CacheRequest& request, const fs::path& refs) {
  if (!can_be_ref(request.revision)) {
    fail(Fault::revision_invalid, "{}: no branch, tag or commit has the name {}; check --revision",
         request.id, request.revision);
  }
  std::optional<Ref> named = cached_ref(request, refs);
  if (request.fetched != nullptr) {
    const auto fetched = request.fetched->ref(request.revision);
    if (fetched && (!named || named->written < fetched->written)) return fetched->commit;
  }
  if (!named) return std::nullopt;
  return std::move(named->commit);
}

/// What there is to say of the cache itself, as the end of a clause, or nothing.
std::string state_of(const CacheRequest& request) {
  switch (file_type_of(request.cache)) {
    case fs::file_type::not_found:
      return ", which does not exist";
    case fs::file_type::directory:
      return similar_model(request);
    default:
      return ", which is no directory";
  }
}

[[noreturn]] void fail_without_commit(const CacheRequest& request, const fs::path& repo) {
  const bool cached = leads_to_directory(repo);
  const bool fetched = request.fetched != nullptr && request.fetched->knows_model();
  const fs::path own = request.fetched == nullptr ? fs::path() : request.fetched->root();
  if (!cached && !fetched) {
    std::error_code ignored;
    fail(Fault::model_not_cached, "{}: no such file or directory, and not in the cache {}{}{}; {}",
         request.id, request.cache.string(), state_of(request),
         fs::is_directory(own, ignored)
             ? fmt::format(", nor among what was fetched before ({})", own.string())
             : "",
         request.remedy);
  }
  const bool is_named = !is_commit(request.revision);
  const std::string wanted =
      fmt::format("{} {}", is_named ? "revision" : "commit", request.revision);
  if (!cached) {
    fail(Fault::revision_not_cached,
         "{}: what was fetched before ({}) does not have its {}, and in the cache {} there is "
         "nothing of it; {}",
         request.id, own.string(), wanted, request.cache.string(), request.remedy);
  }
  fail(Fault::revision_not_cached, "{}: the cache {} does not have its {}{}{}; {}", request.id,
       request.cache.string(), wanted, is_named ? hint(request, repo / "refs") : "",
       fetched ? fmt::format(", nor does what was fetched before ({})", own.string()) : "",
       request.remedy);
}

}  // namespace

bool is_lower_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_commit(std::string_view revision) {
  return revision.size() == commit_digits && is_lower_hex(revision);
}

fs::path snapshot_path(const fs::path& cache, const std::string& id, const std::string& commit) {
  return cache / repo_directory(id) / "snapshots" / commit;
}

std::string find_commit(const CacheRequest& request) {
  const fs::path repo = request.cache / repo_directory(request.id);
  const bool named = !is_commit(request.revision);
  const std::optional<std::string> commit =
      named ? last_named(request, repo / "refs") : std::optional(request.revision);
  if (!commit) fail_without_commit(request, repo);
  if (leads_to_directory(snapshot_path(request.cache, request.id, *commit)) ||
      (request.fetched != nullptr && request.fetched->has(*commit))) {
    return *commit;
  }
  if (!named) fail_without_commit(request, repo);
  fail(Fault::snapshot_missing,
       "{}: the cache {} knows the commit of {} ({}), but does not have it; {}", request.id,
       request.cache.string(), request.revision, *commit, request.remedy);
}

}  // namespace gamma_extract
