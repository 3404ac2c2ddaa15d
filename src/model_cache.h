#ifndef GAMMA_EXTRACT_MODEL_CACHE_H_
#define GAMMA_EXTRACT_MODEL_CACHE_H_

#include <filesystem>
#include <string>
#include <string_view>

/// The cache of Hugging Face's client, as far as a reader needs it:
///
///     CACHE/models--Org--Name/
///       refs/main                         the commit, 40 hex digits
///       snapshots/COMMIT/config.json      a link to ../../blobs/..., or a file
///
/// A snapshot may hold some of the model's files and not others. Nothing here is ever written.
namespace gamma_extract {

class FetchCache;

/// What to look for, and the words for where it is not.
struct CacheRequest {
  std::filesystem::path cache;
  std::string id;        ///< a valid one
  std::string revision;  ///< branch, tag or commit
  std::string remedy;    ///< ends the message
  /// What the program itself has fetched of the model; null: nothing.
  const FetchCache* fetched = nullptr;
};

/// The commit of the revision, of which something is in this cache or in `fetched`. What the Hub
/// has last said of a branch or a tag may stand in both: the later counts. Throws model_not_cached,
/// revision_invalid, revision_not_cached, ref_invalid, snapshot_missing, file_unreadable.
std::string find_commit(const CacheRequest& request);

/// Where the cache has the files of a commit, if it has any.
std::filesystem::path snapshot_path(const std::filesystem::path& cache, const std::string& id,
                                    const std::string& commit);

/// Whether a revision is a commit: 40 hex digits in lower case.
bool is_commit(std::string_view revision);

/// Whether `text` has the form of a commit in the cache: hex digits in lower case.
bool is_lower_hex(std::string_view text);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MODEL_CACHE_H_
