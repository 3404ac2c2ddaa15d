#include "model_class.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace gamma_extract {
namespace {

ModelClass class_of(std::string_view name) {
  constexpr std::array language_models{"LMHead",
                                       "ForCausalLM",
                                       "ForMaskedLM",
                                       "ForPreTraining",
                                       "GenerationDecoder",
                                       "ForConditionalGeneration",
                                       "EncoderDecoderModel",
                                       "MTModel"};
  constexpr std::array classifiers{"Classification", "QuestionAnswering", "MultipleChoice",
                                   "NextSentence",   "Regression",        "Reward"};
  constexpr std::array bare{"Model", "Encoder", "Decoder"};
  const auto holds = [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  };
  if (std::ranges::any_of(language_models, holds)) return ModelClass::language_model;
  if (std::ranges::any_of(classifiers, holds)) return ModelClass::classifier;
  const auto ends = [&](std::string_view part) { return name.ends_with(part); };
  return std::ranges::any_of(bare, ends) ? ModelClass::bare : ModelClass::other;
}

}  // namespace

ModelClass class_of(const std::vector<std::string>& architectures) {
  if (architectures.empty()) return ModelClass::unknown;
  const auto is_language_model = [](const std::string& name) {
    return class_of(std::string_view(name)) == ModelClass::language_model;
  };
  if (std::ranges::any_of(architectures, is_language_model)) return ModelClass::language_model;
  return class_of(std::string_view(architectures.front()));
}

}  // namespace gamma_extract
