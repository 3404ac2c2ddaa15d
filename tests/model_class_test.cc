#include "model_class.h"

#include <gtest/gtest.h>

namespace gamma_extract {
namespace {

TEST(ModelClassTest, IsToldByTheName) {
  for (const char* name :
       {"Qwen3ForCausalLM", "GPT2LMHeadModel", "XLMWithLMHeadModel", "ReformerModelWithLMHead",
        "BertForMaskedLM", "BertForPreTraining", "BertGenerationDecoder",
        "T5ForConditionalGeneration", "MarianMTModel", "VisionEncoderDecoderModel"}) {
    EXPECT_EQ(class_of({name}), ModelClass::language_model) << name;
  }
  for (const char* name :
       {"Qwen2ForSequenceClassification", "BertForTokenClassification", "BertForQuestionAnswering",
        "LlamaForRewardModel", "Qwen2RewardModel", "BertForMultipleChoice"}) {
    EXPECT_EQ(class_of({name}), ModelClass::classifier) << name;
  }
  for (const char* name : {"Qwen3Model", "T5EncoderModel", "BertModel"}) {
    EXPECT_EQ(class_of({name}), ModelClass::bare) << name;
  }
  EXPECT_EQ(class_of({"Wav2Vec2ForCTC"}), ModelClass::other);
}

TEST(ModelClassTest, OneLanguageModelIsEnough) {
  EXPECT_EQ(class_of({"BertModel", "BertLMHeadModel"}), ModelClass::language_model);
  EXPECT_EQ(class_of({"BertModel", "BertForSequenceClassification"}), ModelClass::bare);
  EXPECT_EQ(class_of({}), ModelClass::unknown);
}

}  // namespace
}  // namespace gamma_extract
