#include "headless.h"

#include <string>

#include "gamma_extract/error.h"
#include "model_class.h"
#include "tensor_suggestions.h"

namespace gamma_extract {

void require_language_model(const Checkpoint& checkpoint, const Config& config,
                            const Family* family, bool has_embedding, bool tied) {
  const std::string path = checkpoint.path().string();
  const auto remedy = [&] { return name_one_of(checkpoint.names()); };
  const ModelClass kind = class_of(config.architectures);
  const std::string name =
      config.architectures.empty() ? config.model_type : config.architectures.front();
  if (kind == ModelClass::classifier) {
    fail(Fault::model_is_classifier,
         "{}: it is a classifier or a reward model ({}), whose head is not over the vocabulary; "
         "give the language model that it was made from, or {}",
         path, name, remedy());
  }
  const bool bare = kind == ModelClass::bare;
  // bert and some others have a class with a head, and are taken where they have its names.
  const bool encoder =
      is_encoder(config.model_type) && (bare || family == nullptr || !has_embedding);
  if (encoder || (bare && name.ends_with("EncoderModel"))) {
    fail(Fault::model_is_encoder,
         "{}: it is an encoder ({}), which has no language-model head; give a causal language "
         "model, or {}",
         path, name, remedy());
  }
  const bool tied_decoder = family != nullptr && has_embedding && tied;
  if (bare && !tied_decoder) {
    fail(Fault::model_is_bare,
         "{}: it is a bare model, as those for embeddings are ({} is a class without a "
         "language-model head), and no embedding is tied; give the language model that it was made "
         "from, or {}",
         path, name, remedy());
  }
  if (family == nullptr && kind == ModelClass::other) {
    fail(Fault::model_type_unsupported,
         "{}: the model type {} is not known, and its class {} is not that of a language model; {}",
         path, config.model_type, name, remedy());
  }
}

}  // namespace gamma_extract
