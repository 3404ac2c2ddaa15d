#ifndef GAMMA_EXTRACT_CONFIG_H_
#define GAMMA_EXTRACT_CONFIG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gamma_extract/output_scaling.h"

/// What a model's config.json says, as far as it matters here.
///
/// transformers writes and reads the file with Python's json, so Python's reading counts: of equal
/// keys the last one, and the bare words NaN, Infinity and -Infinity, which real configs contain
/// though they are no JSON.
namespace gamma_extract {

/// Keys that are absent or null are empty here.
struct Config {
  std::string model_type;                   ///< the family: "qwen3"
  std::vector<std::string> architectures;   ///< the classes: "Qwen3ForCausalLM"
  std::optional<bool> tie_word_embeddings;  ///< whether the embedding is the head as well
  std::optional<std::uint64_t> vocab_size;
  /// Columns of the head: `hidden_size`, or what the model type has instead (`d_model`, `n_embd`),
  /// or, where the head's width is not the model's, that (`word_embed_proj_dim`).
  std::optional<std::uint64_t> hidden_size;

  /// The file of the weights, where it is not the usual one: relative, as the config has it.
  std::optional<std::string> transformers_weights;
  /// Who quantised the checkpoint: "gptq", "bitsandbytes".
  std::optional<std::string> quant_method;
  /// What the config says of it; the inner text config's where the outer one is silent.
  OutputScaling output_scaling;

  /// The config of the text model, where this one wraps it (`text_config` and its older names).
  std::shared_ptr<const Config> text;
};

/// Parses the text of a config.json. `file` names it in messages. Throws config_invalid where it is
/// no JSON object, or where a key has a value of another type than above, naming the key.
Config parse_config(std::string_view text, std::string_view file);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_CONFIG_H_
