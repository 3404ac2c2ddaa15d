#ifndef GAMMA_EXTRACT_UNEMBEDDING_H_
#define GAMMA_EXTRACT_UNEMBEDDING_H_

#include <optional>
#include <string>

#include "gamma_extract/checkpoint.h"
#include "gamma_extract/families.h"
#include "gamma_extract/output_scaling.h"
#include "gamma_extract/stored_matrix.h"

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
/// The names of head and embedding, and whether they are tied, depend on the family
/// (gamma_extract/families.h). Where none of a family's names is there, those of the original
/// formats are tried. A model type that no family has is taken where the common names leave no
/// doubt: by its head, or by its embedding if the config's own flag ties it. What has no
/// language-model head (an encoder, a reward model, a bare model) or a quantised one is refused.
namespace gamma_extract {

/// A choice that carries its reason.
struct Choice {
  std::string tensor;
  std::string shard;   ///< file name, relative to the checkpoint
  bool tied = false;   ///< the tensor taken is the input embedding
  std::string reason;  ///< one clause for a person: "lm_head.weight is there"
  /// Where head and embedding are both there though the config ties them: the embedding, to be
  /// compared with the head that was taken.
  std::optional<std::string> compare_with{};
  /// What the model applies outside the matrix. Of a tensor that a person named, only where the
  /// family has it for a head or an embedding.
  OutputScaling output_scaling{};
};

/// Chooses by the rules or, with `tensor`, takes what it names; then no config is needed.
/// Throws, with a line that names the tensors that could be meant and `--tensor`: usage, where the
/// checkpoint is a file, of which nothing but `tensor` says what is in it; adapter_only,
/// config_missing, config_invalid; model_type_unsupported; model_is_encoder, model_is_classifier,
/// model_is_bare; head_quantised; tensor_missing, tensor_ambiguous, tensor_not_tied.
Choice choose_unembedding(const Checkpoint& checkpoint, const std::optional<std::string>& tensor);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_UNEMBEDDING_H_
