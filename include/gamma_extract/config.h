#ifndef GAMMA_EXTRACT_CONFIG_H_
#define GAMMA_EXTRACT_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  std::optional<std::uint64_t> hidden_size;
};

/// Parses the text of a config.json. `file` names it in messages. Throws config_invalid where it is
/// no JSON object, or where a key has a value of another type than above, naming the key.
Config parse_config(std::string_view text, std::string_view file);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_CONFIG_H_
