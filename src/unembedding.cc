#include "gamma_extract/unembedding.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "gamma_extract/error.h"
#include "headless.h"
#include "missing_weights.h"
#include "model_class.h"
#include "output_bias.h"
#include "quantised.h"
#include "tensor_suggestions.h"
#include "tie.h"

namespace gamma_extract {
namespace {

using Names = Family::Names;

std::string name_one(const Checkpoint& checkpoint) {
  return name_one_of(checkpoint.names());
}

bool contains(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// Whether some family has an embedding of that name, or of one that ends so: a bare model's names
/// lack the prefix.
bool is_embedding(std::string_view tensor) {
  const auto ends_so = [&](std::string_view name) {
    return name == tensor || (tensor.find('.') != std::string_view::npos &&
                              name.ends_with(fmt::format(".{}", tensor)));
  };
  return std::ranges::any_of(common_names().embeddings, ends_so) ||
         std::ranges::any_of(families(), [&](const Family& family) {
           return std::ranges::any_of(family.embeddings, ends_so);
         });
}

/// The names of a family that the checkpoint has, quantised ones included.
struct Found {
  Names heads;
  Names embeddings;
};

Names present(const Checkpoint& checkpoint, const Names& names) {
  Names result;
  std::ranges::copy_if(names, std::back_inserter(result), [&](std::string_view name) {
    return checkpoint.has(name) || quantised(checkpoint, name);
  });
  return result;
}

Found present(const Checkpoint& checkpoint, const Family& names) {
  return {.heads = present(checkpoint, names.heads),
          .embeddings = present(checkpoint, names.embeddings)};
}

/// A checkpoint, to be decided by what its config says.
class Rules {
 public:
  Rules(const Checkpoint& checkpoint, const Config& config)
      : checkpoint_(checkpoint),
        config_(config),
        family_(find_family(config.model_type)),
        names_(family_ == nullptr ? &common_names() : family_),
        found_(present(checkpoint, *names_)) {
    const bool found = !found_.heads.empty() || !found_.embeddings.empty();
    if (found || is_encoder(config.model_type)) return;
    names_ = &common_names();
    found_ = present(checkpoint, *names_);
  }

  [[nodiscard]] Choice choose() const {
    if (config_.model_type.empty()) {
      fail(Fault::model_type_unsupported, "{}: it has no model_type; {}", config_file(),
           name_one(checkpoint_));
    }
    if (!found_.heads.empty() && !is_for_something_else()) return head();
    const Tie tie = tie_of(config_, family_);
    require_language_model(checkpoint_, config_, family_, !found_.embeddings.empty(),
                           tie.tied.value_or(false));
    if (found_.embeddings.empty()) fail_without_names();
    return embedding(tie);
  }

 private:
  [[nodiscard]] std::string path() const { return checkpoint_.path().string(); }
  [[nodiscard]] std::string config_file() const {
    return (checkpoint_.path() / "config.json").string();
  }

  /// Of an unknown type, a class of an unknown kind (Wav2Vec2ForCTC) has an lm_head over something
  /// else than a vocabulary.
  [[nodiscard]] bool is_for_something_else() const {
    return family_ == nullptr &&
           (is_encoder(config_.model_type) || class_of(config_.architectures) == ModelClass::other);
  }

  [[nodiscard]] Choice head() const {
    const std::string_view head = only_one(found_.heads);
    Choice choice = choice_of(head);
    choice.reason = fmt::format("{} is there", head);
    if (is_said_to_be_tied() && !found_.embeddings.empty() &&
        checkpoint_.has(found_.embeddings.front())) {
      choice.compare_with = found_.embeddings.front();
    }
    return choice;
  }

  /// Whether a head and an embedding should be equal. The types that are always tied have published
  /// checkpoints whose flag is false, with a head of its own, and that is heeded.
  [[nodiscard]] bool is_said_to_be_tied() const {
    const bool always = family_ != nullptr && family_->flag == TieFlag::always;
    if (always && !config_.tie_word_embeddings.value_or(true)) return false;
    return tie_of(config_, family_).tied.value_or(false);
  }

  [[nodiscard]] Choice embedding(const Tie& tie) const {
    const std::string_view embedding = found_.embeddings.front();
    if (!tie.tied) {
      fail(Fault::model_type_unsupported,
           "{}: there is no {}, the model type {} is not known, and {}, so that nothing says "
           "whether {} stands in for it; if it is meant, --tensor {} takes it",
           path(), names_->heads.front(), config_.model_type, tie.because, embedding, embedding);
    }
    if (!*tie.tied) {
      fail(Fault::tensor_not_tied,
           "{}: there is no {}, and {}, so that {} does not stand in for it; if it is meant all "
           "the same, --tensor {} takes it",
           path(), names_->heads.front(), tie.because, embedding, embedding);
    }
    Choice choice = choice_of(best_embedding());
    choice.tied = true;
    choice.reason =
        fmt::format("{}, and there is no {}", tie.because,
                    names_ == &common_names() ? "head of a common name"
                                              : fmt::to_string(fmt::join(names_->heads, " or ")));
    if (class_of(config_.architectures) == ModelClass::bare) {
      choice.reason += fmt::format(" ({} is a class without a language-model head)",
                                   config_.architectures.front());
    }
    return choice;
  }

  /// The first, and those that differ from it in nothing but what comes before the module.
  [[nodiscard]] std::string_view best_embedding() const {
    const auto module = [](std::string_view name) {
      const std::size_t end = name.rfind('.');
      const std::size_t begin = end == 0 ? end : name.rfind('.', end - 1);
      return name.substr(begin == std::string_view::npos ? 0 : begin + 1);
    };
    Names best;
    std::ranges::copy_if(found_.embeddings, std::back_inserter(best), [&](std::string_view name) {
      return module(name) == module(found_.embeddings.front());
    });
    return only_one(best);
  }

  /// The one name among `names`, which is not empty.
  [[nodiscard]] std::string_view only_one(const Names& names) const {
    if (names.size() > 1) {
      fail(Fault::tensor_ambiguous,
           "{}: it holds {}, each of which could be meant; name one with --tensor", path(),
           fmt::join(names, " and "));
    }
    return names.front();
  }

  [[nodiscard]] Choice choice_of(std::string_view tensor) const {
    if (const auto found = quantised(checkpoint_, tensor)) {
      fail(Fault::head_quantised,
           "{}: {} is quantised by {} ({} is there); give the checkpoint that it was made from, or "
           "dequantise it and save the result",
           path(), tensor, config_.quant_method.value_or(std::string(found->scheme)),
           found->companion);
    }
    Choice choice;
    choice.tensor = tensor;
    choice.shard = checkpoint_.shard_of(tensor);
    choice.output_scaling = config_.output_scaling;
    add_output_bias(checkpoint_, config_.model_type, names_->heads, choice.output_scaling);
    return choice;
  }

  [[noreturn]] void fail_without_names() const {
    if (family_ == nullptr) {
      fail(Fault::model_type_unsupported,
           "{}: the model type {} is not known, and no tensor has a common name of a head; {}",
           config_file(), config_.model_type, name_one(checkpoint_));
    }
    fail(Fault::tensor_missing, "{}: it holds neither {} nor {}; {}", path(),
         fmt::join(family_->heads, " nor "), fmt::join(family_->embeddings, " nor "),
         name_one(checkpoint_));
  }

  const Checkpoint& checkpoint_;
  const Config& config_;
  const Family* family_;  // nothing where the type is not known
  const Family* names_;   // the family, or the common names
  Found found_;
};

/// What the rules would know of a tensor that a person names.
OutputScaling scaling_of_named(const Checkpoint& checkpoint, const std::string& tensor) {
  OutputScaling scaling;
  const std::optional<Config>& config = checkpoint.config();
  const Family* family = config ? find_family(config->model_type) : nullptr;
  const Family& names = family == nullptr ? common_names() : *family;
  const bool known = contains(names.heads, tensor) || contains(names.embeddings, tensor);
  if (known && config) scaling = config->output_scaling;
  add_output_bias(checkpoint, config ? config->model_type : "", known ? names.heads : Names{tensor},
                  scaling);
  return scaling;
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
          .compare_with = std::nullopt,
          .output_scaling = scaling_of_named(checkpoint, tensor)};
}

const Config& require_config(const Checkpoint& checkpoint) {
  const std::string path = checkpoint.path().string();
  if (checkpoint.is_file()) {
    fail(Fault::usage, "{}: it is a file, and nothing says which of its tensors is meant; {}", path,
         name_one(checkpoint));
  }
  if (const std::optional<Error>& error = checkpoint.config_error()) throw Error(*error);
  const std::optional<Config>& config = checkpoint.config();
  if (!config) {
    require_no_adapter(*checkpoint.files());
    fail(Fault::config_missing,
         "{}: it has no config.json, which says what kind of model it is; add it, or {}", path,
         name_one(checkpoint));
  }
  return *config;
}

}  // namespace

Choice choose_unembedding(const Checkpoint& checkpoint, const std::optional<std::string>& tensor) {
  if (tensor) return choose_named(checkpoint, *tensor);
  return Rules(checkpoint, require_config(checkpoint)).choose();
}

}  // namespace gamma_extract
