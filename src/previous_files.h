#ifndef GAMMA_EXTRACT_PREVIOUS_FILES_H_
#define GAMMA_EXTRACT_PREVIOUS_FILES_H_

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "gamma_extract/model_name.h"

/// Whose files are there already, and whether this run may replace them.
namespace gamma_extract {

/// Throws output_exists unless each of `names` in `directory` is missing or may be replaced by a
/// run on `model` without `--force`:
///   - its metadata names the same model, and
///   - where the model is a plain directory or file, of which there may be many of one name, its
///     `mu_sha256` is this run's. Before mu is known (`mu_sha256` empty) that is not asked.
/// Reads headers only; a file that is no safetensors file counts as one without metadata. Throws
/// output_unwritable where it cannot be told whether there is one.
void require_replaceable(const std::filesystem::path& directory, std::span<const std::string> names,
                         const ModelName& model, const std::optional<std::string>& mu_sha256);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_PREVIOUS_FILES_H_
