#include "gamma_extract/unembedding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "expect_fault.h"
#include "safetensors_file.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::TemporaryDirectory;
using testing::write_file;
using testing::write_safetensors;
using testing::ZeroTensor;

constexpr const char* head = "lm_head.weight";
constexpr const char* embedding = "model.embed_tokens.weight";
constexpr const char* flat_embedding = "embed_tokens.weight";

/// A checkpoint of one file in a directory of its own.
class SmallCheckpoint {
 public:
  SmallCheckpoint(const std::string& config, const std::vector<std::string>& tensors) {
    std::vector<ZeroTensor> zeros;
    for (const std::string& name : tensors) zeros.push_back({name});
    write_safetensors(directory_ / "model.safetensors", zeros);
    if (!config.empty()) write_file(directory_ / "config.json", config);
  }

  Choice choose(const std::optional<std::string>& tensor = std::nullopt) const {
    return choose_unembedding(Checkpoint(directory_.path()), tensor);
  }

  [[nodiscard]] std::string refusal(const std::optional<std::string>& tensor = std::nullopt) const {
    try {
      return "nothing was thrown; chosen: " + choose(tensor).tensor;
    } catch (const Error& error) {
      return error.what();
    }
  }

 private:
  TemporaryDirectory directory_;
};

constexpr const char* tied = R"({"model_type": "qwen3", "tie_word_embeddings": true})";
constexpr const char* not_tied = R"({"model_type": "qwen3", "tie_word_embeddings": false})";
constexpr const char* no_flag = R"({"model_type": "qwen3"})";

TEST(UnembeddingTest, HeadAndEmbeddingNotTied) {
  for (const char* config : {not_tied, no_flag}) {
    const Choice choice = SmallCheckpoint(config, {embedding, head}).choose();
    EXPECT_EQ(choice.tensor, head);
    EXPECT_EQ(choice.shard, "model.safetensors");
    EXPECT_FALSE(choice.tied);
    EXPECT_EQ(choice.reason, "lm_head.weight is there");
    EXPECT_FALSE(choice.compare_with.has_value());
  }
}

TEST(UnembeddingTest, HeadAndEmbeddingTied) {
  const Choice choice = SmallCheckpoint(tied, {embedding, head}).choose();
  EXPECT_EQ(choice.tensor, head);
  EXPECT_FALSE(choice.tied);
  EXPECT_EQ(choice.compare_with, embedding);
}

TEST(UnembeddingTest, AHeadOfT5IsComparedUnlessTheFlagIsFalse) {
  const auto compared = [](const std::string& flag) {
    return SmallCheckpoint(R"({"model_type": "t5")" + flag + "}", {"shared.weight", head})
        .choose()
        .compare_with;
  };
  EXPECT_EQ(compared(""), "shared.weight");
  EXPECT_EQ(compared(R"(, "tie_word_embeddings": true)"), "shared.weight");
  EXPECT_EQ(compared(R"(, "tie_word_embeddings": false)"), std::nullopt);
}

TEST(UnembeddingTest, EmbeddingOnlyTied) {
  const Choice choice = SmallCheckpoint(tied, {embedding, "model.norm.weight"}).choose();
  EXPECT_EQ(choice.tensor, embedding);
  EXPECT_TRUE(choice.tied);
  EXPECT_EQ(choice.reason,
            "the config ties it to the input embedding, and there is no lm_head.weight");
  EXPECT_FALSE(choice.compare_with.has_value());
}

TEST(UnembeddingTest, EmbeddingOnlyNotTied) {
  for (const char* config : {not_tied, no_flag}) {
    const SmallCheckpoint checkpoint(config, {embedding});
    EXPECT_FAULT(checkpoint.choose(), tensor_not_tied);
    EXPECT_THAT(checkpoint.refusal(), HasSubstr("--tensor model.embed_tokens.weight"));
  }
}

TEST(UnembeddingTest, HeadOnly) {
  for (const char* config : {tied, not_tied, no_flag}) {
    const Choice choice = SmallCheckpoint(config, {head}).choose();
    EXPECT_EQ(choice.tensor, head);
    EXPECT_FALSE(choice.tied);
    EXPECT_FALSE(choice.compare_with.has_value());
  }
}

TEST(UnembeddingTest, NeitherHeadNorEmbedding) {
  const SmallCheckpoint checkpoint(tied, {"a.wte.weight", "norm.weight"});
  EXPECT_FAULT(checkpoint.choose(), tensor_missing);
  EXPECT_THAT(checkpoint.refusal(), HasSubstr("--tensor, such as a.wte.weight"));
  EXPECT_THAT(SmallCheckpoint(tied, {"norm.weight"}).refusal(),
              AllOf(HasSubstr("--tensor"), Not(HasSubstr("such as"))));
}

TEST(UnembeddingTest, OriginalFormats) {
  const std::string original = "tok_embeddings.weight";
  for (const char* name : {"output.weight", "output_layer.weight", "head.weight"}) {
    EXPECT_EQ(SmallCheckpoint(not_tied, {original, name}).choose().tensor, name);
    EXPECT_EQ(SmallCheckpoint(R"({"model_type": "x"})", {original, name}).choose().tensor, name);
  }
  EXPECT_EQ(SmallCheckpoint(tied, {original}).choose().tensor, original);
  EXPECT_FAULT(SmallCheckpoint(not_tied, {original}).choose(), tensor_not_tied);
  EXPECT_FAULT(SmallCheckpoint(not_tied, {"output.weight", "head.weight"}).choose(),
               tensor_ambiguous);
  // The names of the family come first.
  EXPECT_EQ(SmallCheckpoint(tied, {original, "output.weight", embedding}).choose().tensor,
            embedding);
}

TEST(UnembeddingTest, AFlatEmbedding) {
  const Choice choice = SmallCheckpoint(tied, {flat_embedding}).choose();
  EXPECT_EQ(choice.tensor, flat_embedding);
  EXPECT_TRUE(choice.tied);
}

TEST(UnembeddingTest, TwoEmbeddingsAreAmbiguous) {
  const SmallCheckpoint checkpoint(tied, {embedding, flat_embedding});
  EXPECT_FAULT(checkpoint.choose(), tensor_ambiguous);
  EXPECT_THAT(checkpoint.refusal(), AllOf(HasSubstr(" embed_tokens.weight"), HasSubstr(embedding),
                                          HasSubstr("--tensor")));
  EXPECT_EQ(SmallCheckpoint(tied, {embedding, flat_embedding, head}).choose().tensor, head);
}

TEST(UnembeddingTest, TwoHeadsAreAmbiguous) {
  const SmallCheckpoint checkpoint(R"({"model_type": "llava"})",
                                   {head, "language_model.lm_head.weight", embedding});
  EXPECT_FAULT(checkpoint.choose(), tensor_ambiguous);
  EXPECT_THAT(checkpoint.refusal(), HasSubstr("lm_head.weight and language_model.lm_head.weight"));
}

TEST(UnembeddingTest, OfDifferentModulesTheBestEmbeddingIsTaken) {
  const SmallCheckpoint bart(R"({"model_type": "bart"})",
                             {"model.decoder.embed_tokens.weight", "model.shared.weight"});
  EXPECT_EQ(bart.choose().tensor, "model.shared.weight");
  const SmallCheckpoint decoder(R"({"model_type": "bart"})", {"model.decoder.embed_tokens.weight"});
  EXPECT_EQ(decoder.choose().tensor, "model.decoder.embed_tokens.weight");
}

TEST(UnembeddingTest, TheDefaultOfTheFamilyIsTold) {
  const Choice choice =
      SmallCheckpoint(R"({"model_type": "gpt2"})", {"transformer.wte.weight"}).choose();
  EXPECT_EQ(choice.tensor, "transformer.wte.weight");
  EXPECT_TRUE(choice.tied);
  EXPECT_EQ(choice.reason,
            "this model type ties it to the input embedding where the config does not say, and "
            "there is no lm_head.weight");
}

TEST(UnembeddingTest, AnUnknownModelTypeIsTakenByItsHead) {
  for (const char* config :
       {R"({"model_type": "x"})", R"({"model_type": "Qwen3", "tie_word_embeddings": true})",
        R"({"model_type": "x", "architectures": ["XForCausalLM"]})"}) {
    const Choice choice = SmallCheckpoint(config, {head, embedding}).choose();
    EXPECT_EQ(choice.tensor, head);
    EXPECT_FALSE(choice.tied);
  }
  EXPECT_FAULT(SmallCheckpoint(R"({"model_type": "x"})", {head, "embed_out.weight"}).choose(),
               tensor_ambiguous);
}

TEST(UnembeddingTest, AnUnknownModelTypeIsTakenByItsEmbeddingIfTheFlagSaysSo) {
  const SmallCheckpoint flagged(R"({"model_type": "x", "tie_word_embeddings": true})", {embedding});
  EXPECT_EQ(flagged.choose().tensor, embedding);
  EXPECT_TRUE(flagged.choose().tied);
  const SmallCheckpoint silent(R"({"model_type": "x"})", {embedding});
  EXPECT_FAULT(silent.choose(), model_type_unsupported);
  EXPECT_THAT(silent.refusal(),
              AllOf(HasSubstr("model type x"), HasSubstr("--tensor model.embed_tokens.weight")));
  EXPECT_FAULT(
      SmallCheckpoint(R"({"model_type": "x", "tie_word_embeddings": false})", {embedding}).choose(),
      tensor_not_tied);
}

TEST(UnembeddingTest, AnUnknownModelTypeWithoutACommonNameIsRefused) {
  const SmallCheckpoint checkpoint(R"({"model_type": "x"})", {"a.wte.weight", "a.wpe.weight"});
  EXPECT_FAULT(checkpoint.choose(), model_type_unsupported);
  EXPECT_THAT(checkpoint.refusal(),
              AllOf(HasSubstr("--tensor, such as a.wte.weight"), Not(HasSubstr("wpe"))));
}

TEST(UnembeddingTest, TheHeadOfAnotherKindOfModelIsNotTaken) {
  const SmallCheckpoint speech(R"({"model_type": "wav2vec2", "architectures": ["Wav2Vec2ForCTC"]})",
                               {head});
  EXPECT_FAULT(speech.choose(), model_type_unsupported);
  EXPECT_THAT(speech.refusal(), HasSubstr("Wav2Vec2ForCTC"));
  const SmallCheckpoint masked(
      R"({"model_type": "longformer", "architectures": ["LongformerForMaskedLM"]})", {head});
  EXPECT_FAULT(masked.choose(), model_is_encoder);
}

TEST(UnembeddingTest, AMissingModelTypeIsTold) {
  for (const char* name : {embedding, head}) {
    const SmallCheckpoint checkpoint("{}", {name});
    EXPECT_FAULT(checkpoint.choose(), model_type_unsupported);
    EXPECT_THAT(checkpoint.refusal(), HasSubstr("has no model_type"));
  }
}

TEST(UnembeddingTest, WithoutAConfig) {
  const SmallCheckpoint checkpoint("", {embedding});
  EXPECT_FAULT(checkpoint.choose(), config_missing);
  EXPECT_THAT(checkpoint.refusal(), HasSubstr("--tensor, such as model.embed_tokens.weight"));
}

TEST(UnembeddingTest, AnAdapterWithAModelsFileIsTold) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "model.safetensors", {{head}});
  write_file(directory / "adapter_config.json", "{}");
  const Checkpoint checkpoint(directory.path());
  EXPECT_FAULT(choose_unembedding(checkpoint, std::nullopt), adapter_only);
  EXPECT_EQ(choose_unembedding(checkpoint, head).tensor, head);
}

TEST(UnembeddingTest, WithAnInvalidConfig) {
  EXPECT_FAULT(SmallCheckpoint("{", {embedding, head}).choose(), config_invalid);
}

std::string config_of_class(const std::string& model_type, const std::string& name) {
  return R"({"model_type": ")" + model_type + R"(", "architectures": [")" + name +
         R"("], "tie_word_embeddings": true})";
}

TEST(UnembeddingTest, ARewardModelIsRefused) {
  for (const char* name : {"Qwen2ForSequenceClassification", "Qwen2ForTokenClassification",
                           "Qwen2ForRewardModel", "Qwen2ForQuestionAnswering"}) {
    const SmallCheckpoint checkpoint(config_of_class("qwen2", name), {embedding, "score.weight"});
    EXPECT_FAULT(checkpoint.choose(), model_is_classifier);
    EXPECT_THAT(checkpoint.refusal(),
                AllOf(HasSubstr(name), HasSubstr("--tensor, such as model.embed_tokens.weight")));
  }
}

TEST(UnembeddingTest, ABareModelIsRefusedUnlessItIsTied) {
  const std::string untied =
      R"({"model_type": "qwen2", "architectures": ["Qwen2Model"], "tie_word_embeddings": false})";
  for (const std::string& config : {untied, config_of_class("x", "Qwen2Model")}) {
    const SmallCheckpoint checkpoint(config, {flat_embedding});
    EXPECT_FAULT(checkpoint.choose(), model_is_bare);
    EXPECT_THAT(checkpoint.refusal(),
                AllOf(HasSubstr("Qwen2Model"), HasSubstr("--tensor, such as embed_tokens.weight")));
  }
  const Choice choice =
      SmallCheckpoint(config_of_class("qwen2", "Qwen2Model"), {flat_embedding}).choose();
  EXPECT_EQ(choice.tensor, flat_embedding);
  EXPECT_TRUE(choice.tied);
  EXPECT_THAT(choice.reason, HasSubstr("Qwen2Model is a class without a language-model head"));
  EXPECT_FAULT(SmallCheckpoint(config_of_class("qwen2", "Qwen2Model"), {"norm.weight"}).choose(),
               model_is_bare);
}

TEST(UnembeddingTest, AnEncoderIsRefused) {
  const std::string name = "embeddings.word_embeddings.weight";
  const SmallCheckpoint checkpoint(config_of_class("bert", "BertModel"), {name});
  EXPECT_FAULT(checkpoint.choose(), model_is_encoder);
  EXPECT_THAT(checkpoint.refusal(), AllOf(HasSubstr("BertModel"), HasSubstr(name)));
  EXPECT_TRUE(checkpoint.choose(name).tied);
  EXPECT_FAULT(SmallCheckpoint(R"({"model_type": "bert"})", {name}).choose(), model_is_encoder);
  EXPECT_FAULT(SmallCheckpoint(config_of_class("bert", "BertModel"), {"bert." + name}).choose(),
               model_is_encoder);
  EXPECT_FAULT(SmallCheckpoint(config_of_class("t5", "T5EncoderModel"), {"shared.weight"}).choose(),
               model_is_encoder);
  EXPECT_FAULT(
      SmallCheckpoint(config_of_class("distilbert", "DistilBertForMaskedLM"), {name}).choose(),
      model_is_encoder);
  EXPECT_FAULT(SmallCheckpoint(R"({"model_type": "bert"})", {"output.weight"}).choose(),
               model_is_encoder);
  // bert has a class with a causal head.
  EXPECT_EQ(
      SmallCheckpoint(config_of_class("bert", "BertForMaskedLM"), {"bert." + name}).choose().tensor,
      "bert." + name);
}

TEST(UnembeddingTest, AHeadCountsWhateverTheClass) {
  for (const char* name : {"Qwen2Model", "Qwen2ForSequenceClassification"}) {
    EXPECT_EQ(SmallCheckpoint(config_of_class("qwen2", name), {embedding, head}).choose().tensor,
              head);
  }
}

TEST(UnembeddingTest, AQuantisedHeadIsRefusedByTheNameOfItsScheme) {
  for (const auto& [companion, scheme] :
       std::vector<std::pair<std::string, std::string>>{{"lm_head.qweight", "GPTQ or AWQ"},
                                                        {"lm_head.weight_scale_inv", "FP8"},
                                                        {"lm_head.weight.absmax", "bitsandbytes"},
                                                        {"lm_head.SCB", "bitsandbytes"},
                                                        {"lm_head.weight_packed", "compressed"}}) {
    for (const bool weight_is_there : {false, true}) {
      std::vector<std::string> names = {embedding, companion};
      if (weight_is_there) names.emplace_back(head);
      const SmallCheckpoint checkpoint(tied, names);
      EXPECT_FAULT(checkpoint.choose(), head_quantised);
      EXPECT_THAT(checkpoint.refusal(), AllOf(HasSubstr(scheme), HasSubstr(companion)));
    }
  }
  EXPECT_FAULT(SmallCheckpoint(tied, {embedding, "model.embed_tokens.scales"}).choose(),
               head_quantised);
  EXPECT_EQ(SmallCheckpoint(not_tied, {head, "model.embed_tokens.qweight"}).choose().tensor, head);
  EXPECT_EQ(SmallCheckpoint(tied, {embedding, "lm_head.qweight"}).choose(embedding).tensor,
            embedding);
  const SmallCheckpoint named(
      R"({"model_type": "qwen3", "quantization_config": {"quant_method": "awq"}})",
      {"lm_head.qweight"});
  EXPECT_THAT(named.refusal(), HasSubstr("quantised by awq"));
}

TEST(UnembeddingTest, WhatIsAppliedOutsideIsRecorded) {
  const std::string config = R"({"model_type": "phi", "logit_scale": 0.5})";
  const OutputScaling scaling{{"logit_scale", 0.5}, {"bias", "lm_head.bias"}};
  const SmallCheckpoint checkpoint(config, {head, "lm_head.bias", embedding, "a"});
  EXPECT_EQ(checkpoint.choose().output_scaling, scaling);
  EXPECT_EQ(checkpoint.choose(embedding).output_scaling, scaling);
  EXPECT_THAT(checkpoint.choose("a").output_scaling, IsEmpty());
  EXPECT_THAT(SmallCheckpoint(tied, {head}).choose().output_scaling, IsEmpty());
  const SmallCheckpoint alone("", {head, "lm_head.bias"});
  EXPECT_EQ(alone.choose(head).output_scaling, (OutputScaling{{"bias", "lm_head.bias"}}));
}

TEST(UnembeddingTest, TheBiasOfATiedHeadIsFound) {
  const auto bias = [](const std::string& type, const std::string& name, const std::string& bias) {
    return SmallCheckpoint(R"({"model_type": ")" + type + "\"}", {name, bias})
        .choose()
        .output_scaling;
  };
  const std::string bert = "bert.embeddings.word_embeddings.weight";
  EXPECT_EQ(bias("bert", bert, "cls.predictions.bias"),
            (OutputScaling{{"bias", "cls.predictions.bias"}}));
  EXPECT_EQ(bias("bart", "model.shared.weight", "final_logits_bias"),
            (OutputScaling{{"bias", "final_logits_bias"}}));
}

TEST(UnembeddingTest, TheTensorNamedIsTaken) {
  for (const char* config : {tied, R"({"model_type": "gpt2"})", "{", "[]", ""}) {
    const Choice choice = SmallCheckpoint(config, {"a", head}).choose("a");
    EXPECT_EQ(choice.tensor, "a");
    EXPECT_EQ(choice.shard, "model.safetensors");
    EXPECT_FALSE(choice.tied);
    EXPECT_EQ(choice.reason, "named by --tensor");
    EXPECT_FALSE(choice.compare_with.has_value());
  }
  EXPECT_TRUE(SmallCheckpoint(not_tied, {embedding, head}).choose(embedding).tied);
  EXPECT_FALSE(SmallCheckpoint(tied, {embedding, head}).choose(head).tied);
}

TEST(UnembeddingTest, ATensorNamedThatIsNotThere) {
  const SmallCheckpoint checkpoint(tied, {embedding, "norm.weight"});
  EXPECT_FAULT(checkpoint.choose("embed_tokens.weight"), tensor_missing);
  EXPECT_THAT(checkpoint.refusal("embed_tokens.weight"),
              HasSubstr("meant model.embed_tokens.weight"));
  EXPECT_THAT(checkpoint.refusal("nom.weight"), HasSubstr("meant norm.weight"));
  EXPECT_THAT(checkpoint.refusal("x"), HasSubstr("--tensor, such as model.embed_tokens.weight"));
}

TEST(UnembeddingTest, AFileNeedsATensor) {
  const TemporaryDirectory directory;
  write_file(directory / "config.json", tied);
  write_safetensors(directory / "x.safetensors", {{embedding}});
  const Checkpoint checkpoint(directory / "x.safetensors");
  EXPECT_FAULT(choose_unembedding(checkpoint, std::nullopt), usage);
  try {
    choose_unembedding(checkpoint, std::nullopt);
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("--tensor, such as model.embed_tokens.weight"));
  }
  const Choice choice = choose_unembedding(checkpoint, embedding);
  EXPECT_EQ(choice.shard, "x.safetensors");
  EXPECT_TRUE(choice.tied);
}

TEST(UnembeddingTest, TheShardComesFromTheIndex) {
  const TemporaryDirectory directory;
  write_file(directory / "config.json", tied);
  write_file(directory / "model.safetensors.index.json",
             R"({"weight_map": {"model.embed_tokens.weight": "2", "model.norm.weight": "1"}})");
  EXPECT_EQ(choose_unembedding(Checkpoint(directory.path()), std::nullopt).shard, "2");
}

/// The matrix `name` of a file that holds one tensor.
StoredMatrix stored(const ZeroTensor& tensor, const std::string& name = "a") {
  const TemporaryDirectory directory;
  write_safetensors(directory / "file", {tensor});
  return stored_matrix(Shard(std::make_unique<FileSource>(directory / "file")), name);
}

std::string stored_refusal(const ZeroTensor& tensor) {
  try {
    stored(tensor);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(StoredMatrixTest, IsWhatTheHeaderSays) {
  const StoredMatrix matrix = stored({"a", {5, 3}, "F32", 4});
  EXPECT_EQ(matrix.rows(), 5U);
  EXPECT_EQ(matrix.columns(), 3U);
  EXPECT_EQ(matrix.tensor.dtype, safetensors::Dtype::F32);
  EXPECT_EQ(matrix.tensor.bytes, 60U);
  const std::string header = R"({"a":{"dtype":"F32","shape":[5,3],"data_offsets":[0,60]}})";
  EXPECT_EQ(matrix.tensor.offset, 8 + header.size());
}

TEST(StoredMatrixTest, FourDtypesCanBeTaken) {
  EXPECT_NO_THROW(stored({"a", {4, 2}, "F64", 8}));
  EXPECT_NO_THROW(stored({"a", {4, 2}, "F32", 4}));
  EXPECT_NO_THROW(stored({"a", {4, 2}, "F16", 2}));
  EXPECT_NO_THROW(stored({"a", {4, 2}, "BF16", 2}));
  for (const char* dtype : {"I8", "U8", "F8_E4M3", "BOOL"}) {
    EXPECT_FAULT(stored({"a", {4, 2}, dtype, 1}), tensor_dtype_unsupported);
    EXPECT_THAT(stored_refusal({"a", {4, 2}, dtype, 1}), HasSubstr(dtype));
  }
  EXPECT_FAULT(stored({"a", {4, 2}, "I32", 4}), tensor_dtype_unsupported);
}

TEST(StoredMatrixTest, TheIndexMayBeWrong) {
  EXPECT_FAULT(stored({"a"}, "b"), tensor_not_in_shard);
}

TEST(StoredMatrixTest, HasTwoDimensions) {
  EXPECT_FAULT(stored({"a", {}, "F32", 4}), tensor_not_matrix);
  EXPECT_FAULT(stored({"a", {8}, "F32", 4}), tensor_not_matrix);
  EXPECT_FAULT(stored({"a", {2, 3, 4}, "F32", 4}), tensor_not_matrix);
  EXPECT_THAT(stored_refusal({"a", {2, 3, 4}, "F32", 4}), HasSubstr("[2, 3, 4]"));
}

TEST(StoredMatrixTest, HasValues) {
  EXPECT_FAULT(stored({"a", {0, 4}, "F32", 4}), matrix_empty);
  EXPECT_FAULT(stored({"a", {4, 0}, "F32", 4}), matrix_empty);
}

std::vector<std::string> warnings(std::optional<std::uint64_t> vocab_size,
                                  std::optional<std::uint64_t> hidden_size) {
  Config config;
  config.vocab_size = vocab_size;
  config.hidden_size = hidden_size;
  return shape_warnings(config, {.tensor = {.name = "a", .shape = {10, 4}}});
}

TEST(ShapeWarningsTest, NoneWhereTheConfigAgreesOrIsSilent) {
  EXPECT_THAT(shape_warnings(std::nullopt, {.tensor = {.name = "a", .shape = {10, 4}}}), IsEmpty());
  EXPECT_THAT(warnings(std::nullopt, std::nullopt), IsEmpty());
  EXPECT_THAT(warnings(10, 4), IsEmpty());
}

TEST(ShapeWarningsTest, PaddingRows) {
  EXPECT_THAT(warnings(7, 4), ElementsAre("3 rows of padding beyond the config's vocab_size 7"));
}

TEST(ShapeWarningsTest, TheTextModelsConfigCounts) {
  Config text;
  text.vocab_size = 7;
  Config config;
  config.vocab_size = 100;
  config.hidden_size = 4;
  config.text = std::make_shared<const Config>(text);
  EXPECT_THAT(shape_warnings(config, {.tensor = {.name = "a", .shape = {10, 4}}}),
              ElementsAre("3 rows of padding beyond the config's vocab_size 7"));
}

TEST(ShapeWarningsTest, OtherDifferences) {
  EXPECT_THAT(warnings(12, 3),
              ElementsAre("the matrix has 10 rows, 2 fewer than the config's vocab_size 12",
                          "the matrix has 4 columns, 1 more than the config's hidden_size 3"));
  EXPECT_THAT(warnings(10, 5),
              ElementsAre("the matrix has 4 columns, 1 fewer than the config's hidden_size 5"));
}

}  // namespace
}  // namespace gamma_extract
