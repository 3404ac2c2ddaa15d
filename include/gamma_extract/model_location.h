#ifndef GAMMA_EXTRACT_MODEL_LOCATION_H_
#define GAMMA_EXTRACT_MODEL_LOCATION_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "gamma_extract/checkpoint_files.h"
#include "gamma_extract/hub_environment.h"
#include "gamma_extract/observer.h"

/// From what a user calls a model to where it is on the disk.
///
/// A name is, in this order: a directory, even a relative `Qwen/Qwen3-4B`; an existing file; the id
/// of a model on the Hub, whose files come from the cache of Hugging Face's client where that has
/// them, else from the Hub. What begins with `/`, `.` or `~`, has two slashes or ends with one can
/// only be a path. That cache is read, never written: nothing in it is created or touched.
namespace gamma_extract {

struct ModelOptions {
  std::string name;                       ///< MODEL: a path, or an id
  std::optional<std::string> revision{};  ///< of an id: branch, tag or commit; nothing: main
  std::optional<std::filesystem::path> cache_dir{};  ///< nothing: by the environment
  bool offline = false;                              ///< ask nobody
  bool keep = true;  ///< keep the matrix of a model on the Hub, in the program's own cache
  /// Where that matrix may lie while it is used and not kept: a directory, which need not exist.
  /// Nothing: TMPDIR.
  std::optional<std::filesystem::path> scratch{};
};

struct ModelLocation {
  /// The directory or the file; of an id, `CACHE/models--Org--Name/snapshots/COMMIT`, whether it is
  /// there or not: by it model_name knows the id and the commit again.
  std::filesystem::path path;
  /// Of an id: its files at that commit. Null of a directory or a file.
  std::shared_ptr<const CheckpointFiles> files;
};

/// Finds the model. Of an id, a revision of 40 hex digits is a commit. Which commit any other is,
/// the Hub is asked; offline, or where it cannot be asked or refuses, the commit is the one that it
/// last named, to Hugging Face's client or to this program. Never is another snapshot taken in its
/// place. Throws usage if a revision is given with a directory or a file; model_missing where there
/// is no such path; model_id_invalid where there is none and the name is no id either; of an id,
/// what HubClient throws, and offline model_not_cached, revision_invalid, revision_not_cached,
/// ref_invalid and snapshot_missing (`refs` names a commit that the cache does not have);
/// home_unknown; file_unreadable. `observer` must outlive the location.
ModelLocation locate_model(const ModelOptions& options, const Observer& observer,
                           const Environment& environment = process_environment());

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MODEL_LOCATION_H_
