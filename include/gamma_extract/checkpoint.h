#ifndef GAMMA_EXTRACT_CHECKPOINT_H_
#define GAMMA_EXTRACT_CHECKPOINT_H_

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gamma_extract/safetensors.h"

/// A checkpoint on disk: which files hold which tensors, and what its config says.
///
/// transformers looks for `model.safetensors`, then for `model.safetensors.index.json`, whose
/// `weight_map` gives the shard of each tensor, then for pickles, which are refused here. Only the
/// files that are needed are opened: the index tells all names, a shard is opened when a tensor of
/// it is asked for.
///
/// `weight_map` comes from a stranger: an entry that is absolute or climbs with `..` is refused on
/// its text, before any link is followed (a real vulnerability elsewhere: transformers 46913).
namespace gamma_extract {

/// What the config says, as far as it matters here. Absent keys are empty.
struct Config {
  std::string model_type;
  std::vector<std::string> architectures;
  std::optional<bool> tie_word_embeddings;
  std::optional<std::uint64_t> vocab_size;
  std::optional<std::uint64_t> hidden_size;
};

class Checkpoint {
 public:
  /// Opens `path`: a directory that transformers saved into, or one safetensors file.
  /// Throws model_missing, model_empty, pickle_only, index_invalid, index_escapes, config_invalid,
  /// and what reading the header of a single file throws.
  explicit Checkpoint(std::filesystem::path path);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  /// Nothing where there is no config.json (or `path` is a file).
  [[nodiscard]] const std::optional<Config>& config() const noexcept { return config_; }

  /// Whether a tensor of that name is said to be there (by the index, or by the single header).
  [[nodiscard]] bool has(std::string_view tensor) const { return shards_.contains(tensor); }
  /// All names, sorted.
  [[nodiscard]] std::vector<std::string> names() const;
  /// The file name, relative to the directory, of the shard that holds the tensor.
  [[nodiscard]] const std::string& shard_of(std::string_view tensor) const;
  [[nodiscard]] std::filesystem::path shard_path(std::string_view tensor) const;

  /// Every file that this checkpoint may read, for the check that none of them is overwritten.
  [[nodiscard]] std::vector<std::filesystem::path> files() const;

 private:
  std::filesystem::path path_;
  std::optional<Config> config_;
  std::map<std::string, std::string, std::less<>> shards_;  // tensor -> shard, relative
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_CHECKPOINT_H_
