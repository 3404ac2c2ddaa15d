#include "gamma_extract/unembedding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "tensor_suggestions.h"

namespace gamma_extract {
namespace {

using safetensors::Dtype;
using Names = std::vector<std::string_view>;

/// The remedy that always helps, with the tensors that could be meant.
std::string name_one(const Checkpoint& checkpoint) {
  const Names candidates = matrix_like(checkpoint.names());
  if (candidates.empty()) return "name the matrix with --tensor";
  return fmt::format("name the matrix with --tensor, such as {}", enumerate(candidates));
}

Names present(const Checkpoint& checkpoint, const Names& names) {
  Names result;
  std::ranges::copy_if(names, std::back_inserter(result),
                       [&](std::string_view name) { return checkpoint.has(name); });
  return result;
}

bool is_embedding(std::string_view tensor) {
  return std::ranges::any_of(families(), [&](const Family& family) {
    return std::ranges::find(family.embeddings, tensor) != family.embeddings.end();
  });
}

Choice choose_named(const Checkpoint& checkpoint, const std::string& tensor) {
  if (!checkpoint.has(tensor)) {
    const Names close = close_to(tensor, checkpoint.names());
    fail(Fault::tensor_missing, "{}: it holds no tensor {}; {}", checkpoint.path().string(), tensor,
         close.empty() ? name_one(checkpoint)
                       : fmt::format("--tensor may have meant {}", enumerate(close)));
  }
  return {.tensor = tensor,
          .shard = checkpoint.shard_of(tensor),
          .tied = is_embedding(tensor),
          .reason = "named by --tensor",
          .compare_with = std::nullopt};
}

const Config& require_config(const Checkpoint& checkpoint) {
  if (checkpoint.is_file()) {
    fail(Fault::usage, "{}: it is a file, and nothing says which of its tensors is meant; {}",
         checkpoint.path().string(), name_one(checkpoint));
  }
  if (const std::optional<Error>& error = checkpoint.config_error()) throw Error(*error);
  const std::optional<Config>& config = checkpoint.config();
  if (!config) {
    fail(Fault::config_missing,
         "{}: it has no config.json, which says what kind of model it is; add it, or {}",
         checkpoint.path().string(), name_one(checkpoint));
  }
  return *config;
}

const Family& require_family(const Checkpoint& checkpoint, const Config& config) {
  const std::string file = (checkpoint.path() / "config.json").string();
  if (config.model_type.empty()) {
    fail(Fault::model_type_unsupported, "{}: it has no model_type; {}", file, name_one(checkpoint));
  }
  const Family* family = find_family(config.model_type);
  if (family == nullptr) {
    Names known;
    for (const Family& each : families()) known.push_back(each.model_type);
    fail(Fault::model_type_unsupported, "{}: the model type {} is none of those known ({}); {}",
         file, config.model_type, fmt::join(known, ", "), name_one(checkpoint));
  }
  return *family;
}

/// " (NAME is a class without a language-model head)" where the config's classes all are such.
std::string headless(const Config& config) {
  const auto has_head = [](const std::string& name) { return name.ends_with("ForCausalLM"); };
  const auto& names = config.architectures;
  if (names.empty() || std::ranges::any_of(names, has_head)) return "";
  return fmt::format(" ({} is a class without a language-model head)", names.front());
}

/// The one name among `found`, which is not empty.
std::string_view only_one(const Checkpoint& checkpoint, const Names& found) {
  if (found.size() > 1) {
    fail(Fault::tensor_ambiguous,
         "{}: it holds {}, each of which could be meant; name one with --tensor",
         checkpoint.path().string(), fmt::join(found, " and "));
  }
  return found.front();
}

[[noreturn]] void fail_not_tied(const Checkpoint& checkpoint, const Config& config,
                                const Family& family, std::string_view embedding) {
  fail(Fault::tensor_not_tied,
       "{}: there is no {}, and tie_word_embeddings is {}, so that {} does not stand in for it{}; "
       "if it is meant all the same, --tensor {} takes it",
       checkpoint.path().string(), family.heads.front(),
       config.tie_word_embeddings ? "false" : "not set, which means false for this model type",
       embedding, headless(config), embedding);
}

Choice choose_head(const Checkpoint& checkpoint, std::string_view head, const Names& embeddings,
                   bool tied) {
  Choice choice{.tensor = std::string(head),
                .shard = checkpoint.shard_of(head),
                .tied = false,
                .reason = fmt::format("{} is there", head),
                .compare_with = std::nullopt};
  if (tied && !embeddings.empty()) choice.compare_with = embeddings.front();
  return choice;
}

Choice choose_by_rules(const Checkpoint& checkpoint, const Config& config, const Family& family) {
  const Names heads = present(checkpoint, family.heads);
  const Names embeddings = present(checkpoint, family.embeddings);
  const bool tied = config.tie_word_embeddings.value_or(family.tied_by_default);
  if (!heads.empty()) {
    return choose_head(checkpoint, only_one(checkpoint, heads), embeddings, tied);
  }
  if (embeddings.empty()) {
    fail(Fault::tensor_missing, "{}: it holds neither {} nor {}{}; {}", checkpoint.path().string(),
         fmt::join(family.heads, " nor "), fmt::join(family.embeddings, " nor "), headless(config),
         name_one(checkpoint));
  }
  if (!tied) fail_not_tied(checkpoint, config, family, embeddings.front());
  const std::string_view embedding = only_one(checkpoint, embeddings);
  return {.tensor = std::string(embedding),
          .shard = checkpoint.shard_of(embedding),
          .tied = true,
          .reason = fmt::format("the config ties it to the input embedding, and there is no {}{}",
                                fmt::join(family.heads, " or "), headless(config)),
          .compare_with = std::nullopt};
}

bool can_be_taken(Dtype dtype) {
  constexpr std::array<Dtype, 4> dtypes = {Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16};
  return std::ranges::find(dtypes, dtype) != dtypes.end();
}

std::string difference(std::uint64_t actual, const char* what, std::uint64_t expected,
                       const char* key) {
  return fmt::format("the matrix has {} {}, {} {} than the config's {} {}", actual, what,
                     actual > expected ? actual - expected : expected - actual,
                     actual > expected ? "more" : "fewer", key, expected);
}

}  // namespace

Choice choose_unembedding(const Checkpoint& checkpoint, const std::optional<std::string>& tensor) {
  if (tensor) return choose_named(checkpoint, *tensor);
  const Config& config = require_config(checkpoint);
  return choose_by_rules(checkpoint, config, require_family(checkpoint, config));
}

StoredMatrix stored_matrix(const Shard& shard, std::string_view name) {
  const std::string file = shard.source.path().string();
  std::optional<safetensors::Tensor> tensor = shard.header.find(name);
  if (!tensor) {
    fail(Fault::tensor_not_in_shard,
         "{}: it does not hold the tensor {}, though the index says so; the files are of different "
         "checkpoints, download them again",
         file, name);
  }
  const auto& shape = tensor->shape;
  if (shape.size() != 2) {
    fail(Fault::tensor_not_matrix,
         "{}: the tensor {} has the shape [{}], which is no matrix (two dimensions); name another "
         "with --tensor",
         file, name, fmt::join(shape, ", "));
  }
  if (shape[0] == 0 || shape[1] == 0) {
    fail(Fault::matrix_empty,
         "{}: the tensor {} has the shape [{}], and a matrix without values has no centroid; name "
         "another with --tensor",
         file, name, fmt::join(shape, ", "));
  }
  if (!can_be_taken(tensor->dtype)) {
    fail(Fault::tensor_dtype_unsupported,
         "{}: the tensor {} has the dtype {}, not F64, F32, F16 or BF16; give a checkpoint that is "
         "not quantised",
         file, name, safetensors::name(tensor->dtype));
  }
  return {.tensor = std::move(*tensor)};
}

std::vector<std::string> shape_warnings(const std::optional<Config>& config,
                                        const StoredMatrix& matrix) {
  std::vector<std::string> warnings;
  if (!config) return warnings;
  if (const auto vocabulary = config->vocab_size; vocabulary && matrix.rows() > *vocabulary) {
    warnings.push_back(fmt::format("{} rows of padding beyond the config's vocab_size {}",
                                   matrix.rows() - *vocabulary, *vocabulary));
  } else if (vocabulary && matrix.rows() < *vocabulary) {
    warnings.push_back(difference(matrix.rows(), "rows", *vocabulary, "vocab_size"));
  }
  if (const auto width = config->hidden_size; width && matrix.columns() != *width) {
    warnings.push_back(difference(matrix.columns(), "columns", *width, "hidden_size"));
  }
  return warnings;
}

}  // namespace gamma_extract
