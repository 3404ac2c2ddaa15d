#ifndef GAMMA_EXTRACT_MODEL_NAME_H_
#define GAMMA_EXTRACT_MODEL_NAME_H_

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

/// What a model is called: in the file names, and in the metadata.
namespace gamma_extract {

struct ModelName {
  /// The id (`Qwen/Qwen3-4B`) where there is one, else the name of the directory or file, bytes as
  /// they are.
  std::string model;
  /// The commit, where the model is a snapshot of one.
  std::optional<std::string> revision;
  /// Whether `model` is an id, which names one model in the world; of a directory's name there may
  /// be many.
  bool is_id = false;
  /// The label in the file names.
  std::string slug;
};

/// The name of the model at `path`: of a directory, its last part after `.` and trailing slashes
/// are resolved (symbolic links are not); of a snapshot in a Hugging Face cache
/// (`models--Org--Name/snapshots/<commit>`), the repo's id and the commit; of a file, its name,
/// without `.safetensors` in the slug. `slug` comes from `--name` if given.
/// Throws usage, naming `--name`, where the slug comes out empty or clashes with another file of
/// the set (`centroid_mu`, `covariance`, `centered_...`), or where `--name` is not in the form of a
/// slug.
ModelName model_name(const std::filesystem::path& path, const std::optional<std::string>& slug);

/// `text` in lower case, each run of other characters than ASCII letters and digits one underscore,
/// none at the ends.
std::string slug_of(std::string_view text);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MODEL_NAME_H_
