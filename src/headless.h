#ifndef GAMMA_EXTRACT_HEADLESS_H_
#define GAMMA_EXTRACT_HEADLESS_H_

#include "gamma_extract/checkpoint.h"
#include "gamma_extract/config.h"
#include "gamma_extract/families.h"

/// Models without a language-model head: encoders, reward models, bare models.
namespace gamma_extract {

/// Refuses a checkpoint without a head whose config says that it is meant to have none over the
/// vocabulary, so that an embedding must not be taken for it. A bare model of a decoder's type is
/// let through where its embedding is tied: loaded as a language model, as embedding models are
/// too, it has that for its head. `family` is that of the config's model type, or nothing;
/// `has_embedding`, whether an embedding is there; `tied`, whether it stands in for the head.
/// Throws model_is_encoder, model_is_classifier, model_is_bare, each of which says what it is and
/// what to give instead, and model_type_unsupported for another class of an unknown type.
void require_language_model(const Checkpoint& checkpoint, const Config& config,
                            const Family* family, bool has_embedding, bool tied);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HEADLESS_H_
