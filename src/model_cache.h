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

/// What to look for, and the words for where it is not.
struct CacheRequest {
  std::filesystem::path cache;
  std::string id;        ///< a valid one
  std::string revision;  ///< branch, tag or commit
  std::string remedy;    ///< ends the message
};

struct CachedSnapshot {
  std::filesystem::path path;
  std::string commit;
};

/// Finds the snapshot of the revision. Throws model_not_cached, revision_invalid,
/// revision_not_cached, ref_invalid, snapshot_missing, file_unreadable.
CachedSnapshot find_snapshot(const CacheRequest& request);

/// Whether `text` has the form of a commit in the cache: hex digits in lower case.
bool is_lower_hex(std::string_view text);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MODEL_CACHE_H_
