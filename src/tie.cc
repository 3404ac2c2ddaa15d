#include "tie.h"

namespace gamma_extract {
namespace {

constexpr const char* by_config = "the config ties it to the input embedding";

/// By a flag and, where there is none, by a default.
Tie by_flag(std::optional<bool> flag, bool by_default, const char* name) {
  if (flag) return {.tied = flag, .because = *flag ? by_config : std::string(name) + " is false"};
  if (by_default) {
    return {
        .tied = true,
        .because = "this model type ties it to the input embedding where the config does not say"};
  }
  return {.tied = false,
          .because = std::string(name) + " is not set, which means false for this model type"};
}

/// As a config's own flag says and its model type makes of it.
Tie by_own_flag(const Config& config, const Family& family) {
  if (family.flag == TieFlag::always) {
    return {.tied = true, .because = "this model type always ties it to the input embedding"};
  }
  if (family.flag == TieFlag::never) {
    return {.tied = false, .because = "this model type never ties it to the input embedding"};
  }
  return by_flag(config.tie_word_embeddings, family.tied_by_default, "tie_word_embeddings");
}

/// As the text model inside would be, alone.
Tie by_inner_flag(const Config& config, const Family& family) {
  if (!config.text) return by_own_flag(config, family);
  const Family* inner = find_family(config.text->model_type);
  return by_own_flag(*config.text, inner == nullptr ? family : *inner);
}

/// Which flag counts is not known; what an inner one says alone has no effect in most types.
Tie without_family(const Config& config) {
  const std::optional<bool> outer = config.tie_word_embeddings;
  const std::optional<bool> inner =
      config.text ? config.text->tie_word_embeddings : std::optional<bool>();
  if (!outer) return {.tied = std::nullopt, .because = "the config has no tie_word_embeddings"};
  if (inner && *outer != *inner) {
    return {.tied = std::nullopt, .because = "tie_word_embeddings and the text config's disagree"};
  }
  return by_flag(outer, false, "tie_word_embeddings");
}

}  // namespace

Tie tie_of(const Config& config, const Family* family) {
  if (family == nullptr) return without_family(config);
  if (family->flag == TieFlag::inner) return by_inner_flag(config, *family);
  if (family->flag == TieFlag::either) {
    if (Tie inner = by_inner_flag(config, *family); inner.tied.value_or(false)) return inner;
  }
  if (family->flag == TieFlag::first && !config.tie_word_embeddings) {
    return by_inner_flag(config, *family);
  }
  return by_own_flag(config, *family);
}

}  // namespace gamma_extract
