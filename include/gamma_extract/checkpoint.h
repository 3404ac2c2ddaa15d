#ifndef GAMMA_EXTRACT_CHECKPOINT_H_
#define GAMMA_EXTRACT_CHECKPOINT_H_

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gamma_extract/checkpoint_files.h"
#include "gamma_extract/config.h"
#include "gamma_extract/error.h"
#include "gamma_extract/safetensors.h"
#include "gamma_extract/source.h"

/// A checkpoint: which files hold which tensors, and what its config says.
///
/// transformers looks for the file that `transformers_weights` in config.json names; without it,
/// for `model.safetensors`, then for `model.safetensors.index.json`, whose `weight_map` gives the
/// shard of each tensor, then for pickles, which are refused here. An adapter has its tensors in
/// `adapter_model.safetensors`. Only the files that are needed are opened: the index tells all
/// names, a shard is opened when a tensor of it is asked for.
///
/// `transformers_weights` and `weight_map` come from a stranger: a name that is absolute or climbs
/// with `..` is refused on its text, before any link is followed (a real vulnerability elsewhere:
/// transformers 46913).
namespace gamma_extract {

/// A file of a checkpoint, open, with the header that was read through that very opening: what the
/// header says is where, is there in `source`, even if the file is replaced meanwhile.
struct Shard {
  /// Throws what safetensors::read_header throws.
  explicit Shard(std::unique_ptr<const Source> opened)
      : source(std::move(opened)), header(safetensors::read_header(*source)) {}

  std::unique_ptr<const Source> source;  ///< not null
  safetensors::Header header;
};

class Checkpoint {
 public:
  /// Opens `path`: a directory that transformers saved into, or one safetensors file.
  /// Throws model_missing, and what the other constructor throws.
  explicit Checkpoint(std::filesystem::path path);

  /// Opens the checkpoint that `files` hold. Throws adapter_only, pickle_only, gguf_only or
  /// model_empty, with what is there instead; weights_escape, shard_missing, config_invalid for
  /// `transformers_weights`; index_invalid, index_escapes; file_unreadable; what `files` throws;
  /// and, where one file has all tensors, what opening a Shard throws.
  explicit Checkpoint(std::shared_ptr<const CheckpointFiles> files);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Whether `path` is a file: then there is no config, and only a person can name the tensor.
  [[nodiscard]] bool is_file() const noexcept { return !files_; }
  /// What it was opened with; null where `path` is a file.
  [[nodiscard]] const CheckpointFiles* files() const noexcept { return files_.get(); }

  /// Nothing where there is no config.json, where it is not valid, and where `path` is a file.
  [[nodiscard]] const std::optional<Config>& config() const noexcept { return config_; }
  /// Why config.json could not be read. Kept, not thrown: whoever names the tensor needs no config.
  [[nodiscard]] const std::optional<Error>& config_error() const noexcept { return config_error_; }

  /// Whether a tensor of that name is said to be there (by the index, or by the single header).
  [[nodiscard]] bool has(std::string_view tensor) const;
  /// All names, in no particular order. They live as long as the checkpoint.
  [[nodiscard]] std::vector<std::string_view> names() const;

  /// The file name, relative to the directory, of the shard that holds `tensor`, which must be one
  /// of `names`.
  [[nodiscard]] std::string shard_of(std::string_view tensor) const;
  /// That shard, open. Throws shard_missing, and what opening a Shard throws. The only file of an
  /// unsharded checkpoint is opened and its header read once: every call gives the same one.
  [[nodiscard]] std::shared_ptr<const Shard> open_shard(std::string_view tensor) const;

  /// Every file that this checkpoint may read, for the check that none of them is overwritten.
  [[nodiscard]] std::vector<std::filesystem::path> inputs() const;

 private:
  void read_config();
  void read_weights();
  bool take_weights(const std::string& name);

  std::filesystem::path path_;
  std::shared_ptr<const CheckpointFiles> files_;  // null where `path` is a file
  std::optional<Config> config_;
  std::optional<Error> config_error_;
  std::string weights_name_;                 // of the only shard or of the index, relative
  std::shared_ptr<const Shard> only_shard_;  // nothing where there is an index
  std::map<std::string, std::string, std::less<>> weight_map_;  // tensor -> shard, relative
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_CHECKPOINT_H_
