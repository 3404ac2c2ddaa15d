#ifndef GAMMA_EXTRACT_MODEL_CLASS_H_
#define GAMMA_EXTRACT_MODEL_CLASS_H_

#include <cstdint>
#include <string>
#include <vector>

/// What the classes that a config names (`architectures`) say about its model, by their names,
/// which are formed alike in transformers and in what follows it.
namespace gamma_extract {

enum class ModelClass : std::uint8_t {
  language_model,  ///< has a head over the vocabulary: Qwen3ForCausalLM, GPT2LMHeadModel
  classifier,      ///< has another head, such as a reward model's: Qwen2ForSequenceClassification
  bare,            ///< has no head: Qwen3Model, T5EncoderModel
  other,           ///< a name that says none of these: Wav2Vec2ForCTC
  unknown,         ///< no name
};

/// The kind of class that is the best for a head: language_model if any is one, else that of the
/// first.
ModelClass class_of(const std::vector<std::string>& architectures);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MODEL_CLASS_H_
