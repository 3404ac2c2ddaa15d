#ifndef GAMMA_EXTRACT_MODEL_LOCATION_H_
#define GAMMA_EXTRACT_MODEL_LOCATION_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "gamma_extract/checkpoint_files.h"
#include "gamma_extract/hub_environment.h"

/// From what a user calls a model to where it is on the disk.
///
/// A name is, in this order: a directory, even a relative `Qwen/Qwen3-4B`; an existing file; the id
/// of a model on the Hub, which is looked for in the cache of Hugging Face's client. What begins
/// with `/`, `.` or `~`, has two slashes or ends with one can only be a path. The cache is read,
/// never written: nothing in it is created or touched.
namespace gamma_extract {

struct ModelOptions {
  std::string name;                       ///< MODEL: a path, or an id
  std::optional<std::string> revision{};  ///< of an id: branch, tag or commit; nothing: main
  std::optional<std::filesystem::path> cache_dir{};  ///< nothing: by the environment
  bool offline = false;                              ///< look nowhere but in the cache
};

struct ModelLocation {
  /// The directory or the file; of an id, `CACHE/models--Org--Name/snapshots/COMMIT`, by which
  /// model_name knows the id and the commit again.
  std::filesystem::path path;
  /// Of an id: its files at that commit. Null of a directory or a file.
  std::shared_ptr<const CheckpointFiles> files;
};

/// Finds the model. A revision of 40 hex digits is a commit, and its snapshot is taken; any other
/// is looked up in the cache's `refs`, as the client last saw it. Never is another snapshot taken
/// in its place.
/// Throws usage if a revision is given with a directory or a file; model_missing where there is no
/// such path; model_id_invalid where there is none and the name is no id either; of an id
/// model_not_cached, revision_invalid, revision_not_cached, ref_invalid and snapshot_missing
/// (`refs` names a commit that the cache does not have); home_unknown; file_unreadable.
ModelLocation locate_model(const ModelOptions& options,
                           const Environment& environment = process_environment());

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MODEL_LOCATION_H_
