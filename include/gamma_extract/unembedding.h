#ifndef GAMMA_EXTRACT_UNEMBEDDING_H_
#define GAMMA_EXTRACT_UNEMBEDDING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gamma_extract/checkpoint.h"
#include "gamma_extract/config.h"
#include "gamma_extract/safetensors.h"

/// Which tensor of a checkpoint is the unembedding matrix, and why.
///
/// The answer is what `AutoModelForCausalLM.from_pretrained(m).get_output_embeddings().weight`
/// would return, found without loading the model:
///
///     head and embedding, whatever the flag   the head
///     embedding only, tied                    the embedding
///     embedding only, not tied                refused: the head is missing
///     head only                               the head
///
/// The names of head and embedding, and whether they are tied where the config does not say, depend
/// on the family, and stand in one table (src/families.cc), a line a family.
namespace gamma_extract {

/// A line of the table of families.
struct Family {
  std::string_view model_type;
  std::vector<std::string_view> heads;       ///< names that an output matrix of its own may have
  std::vector<std::string_view> embeddings;  ///< names that the input embedding may have
  bool tied_by_default = false;              ///< what counts where config.json has no flag
};

/// The families known, sorted by model type.
const std::vector<Family>& families();
/// The family of that model type, or nothing.
const Family* find_family(std::string_view model_type);

/// A choice that carries its reason.
struct Choice {
  std::string tensor;
  std::string shard;   ///< file name, relative to the checkpoint
  bool tied = false;   ///< the tensor taken is the input embedding
  std::string reason;  ///< one clause for a person: "lm_head.weight is there"
  /// Where head and embedding are both there though the config ties them: the embedding, to be
  /// compared with the head that was taken.
  std::optional<std::string> compare_with;
};

/// Chooses by the rules or, with `tensor`, takes what it names; then no config is needed.
/// Throws, with a line that names the tensors that could be meant and `--tensor`: usage, where the
/// checkpoint is a file, of which nothing but `tensor` says what is in it; config_missing,
/// config_invalid; model_type_unsupported; tensor_missing, tensor_ambiguous, tensor_not_tied.
Choice choose_unembedding(const Checkpoint& checkpoint, const std::optional<std::string>& tensor);

/// The unembedding matrix as it lies in its shard.
struct StoredMatrix {
  safetensors::Tensor tensor;  ///< two-dimensional, not empty, F64, F32, F16 or BF16
  [[nodiscard]] std::uint64_t rows() const { return tensor.shape[0]; }
  [[nodiscard]] std::uint64_t columns() const { return tensor.shape[1]; }
};

/// Finds the tensor `name` in its shard and checks that it is a matrix that can be taken.
/// Throws tensor_not_in_shard, tensor_not_matrix, matrix_empty, tensor_dtype_unsupported.
StoredMatrix stored_matrix(const Shard& shard, std::string_view name);

/// What a person should know about the matrix beside the config, a line each: rows beyond
/// `vocab_size` (padding) or missing from it, another width than `hidden_size`.
std::vector<std::string> shape_warnings(const std::optional<Config>& config,
                                        const StoredMatrix& matrix);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_UNEMBEDDING_H_
