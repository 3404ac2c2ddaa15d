#include <algorithm>

#include "gamma_extract/unembedding.h"

namespace gamma_extract {

const std::vector<Family>& families() {
  using Names = std::vector<std::string_view>;
  static const Names lm_head = {"lm_head.weight"};
  // Checkpoints of the bare model, as embedding models are published, lack the prefix.
  static const Names embed_tokens = {"model.embed_tokens.weight", "embed_tokens.weight"};
  static const std::vector<Family> table = {
      {.model_type = "llama", .heads = lm_head, .embeddings = embed_tokens},
      {.model_type = "mistral", .heads = lm_head, .embeddings = embed_tokens},
      {.model_type = "qwen2", .heads = lm_head, .embeddings = embed_tokens},
      {.model_type = "qwen3", .heads = lm_head, .embeddings = embed_tokens},
      {.model_type = "qwen3_moe", .heads = lm_head, .embeddings = embed_tokens},
  };
  return table;
}

const Family* find_family(std::string_view model_type) {
  const auto& table = families();
  const auto family = std::ranges::find_if(
      table, [&](const Family& each) { return each.model_type == model_type; });
  return family == table.end() ? nullptr : &*family;
}

}  // namespace gamma_extract
