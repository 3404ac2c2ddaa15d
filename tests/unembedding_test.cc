#include "gamma_extract/unembedding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
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
  const SmallCheckpoint checkpoint(tied, {"output.weight", "tok_embeddings.weight", "norm.weight"});
  EXPECT_FAULT(checkpoint.choose(), tensor_missing);
  EXPECT_THAT(checkpoint.refusal(),
              HasSubstr("--tensor, such as output.weight, tok_embeddings.weight"));
  EXPECT_THAT(SmallCheckpoint(tied, {"norm.weight"}).refusal(),
              AllOf(HasSubstr("--tensor"), Not(HasSubstr("such as"))));
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

TEST(UnembeddingTest, EveryFamilyKnown) {
  for (const char* type : {"llama", "mistral", "qwen2", "qwen3", "qwen3_moe"}) {
    const std::string config = R"({"model_type": ")" + std::string(type) + "\"";
    EXPECT_EQ(SmallCheckpoint(config + "}", {embedding, head}).choose().tensor, head);
    EXPECT_FAULT(SmallCheckpoint(config + "}", {embedding}).choose(), tensor_not_tied);
    EXPECT_EQ(
        SmallCheckpoint(config + R"(, "tie_word_embeddings": true})", {embedding}).choose().tensor,
        embedding);
  }
  EXPECT_TRUE(std::is_sorted(
      families().begin(), families().end(),
      [](const Family& left, const Family& right) { return left.model_type < right.model_type; }));
}

TEST(UnembeddingTest, OtherModelTypesAreRefusedWithCandidates) {
  for (const char* config : {R"({"model_type": "gpt2"})", R"({"model_type": "Qwen3"})", "{}"}) {
    const SmallCheckpoint checkpoint(config, {"transformer.wte.weight", "transformer.wpe.weight"});
    EXPECT_FAULT(checkpoint.choose(), model_type_unsupported);
    EXPECT_THAT(checkpoint.refusal(), AllOf(HasSubstr("--tensor, such as transformer.wte.weight"),
                                            Not(HasSubstr("wpe"))));
  }
}

TEST(UnembeddingTest, AMissingModelTypeIsTold) {
  EXPECT_THAT(SmallCheckpoint("{}", {embedding}).refusal(), HasSubstr("has no model_type"));
}

TEST(UnembeddingTest, WithoutAConfig) {
  const SmallCheckpoint checkpoint("", {embedding});
  EXPECT_FAULT(checkpoint.choose(), config_missing);
  EXPECT_THAT(checkpoint.refusal(), HasSubstr("--tensor, such as model.embed_tokens.weight"));
}

TEST(UnembeddingTest, WithAnInvalidConfig) {
  EXPECT_FAULT(SmallCheckpoint("{", {embedding, head}).choose(), config_invalid);
}

TEST(UnembeddingTest, AClassWithoutAHeadIsTold) {
  const auto config = [](const std::string& name, const char* flag) {
    return R"({"model_type": "qwen2", "architectures": [")" + name +
           R"("], "tie_word_embeddings": )" + flag + "}";
  };
  for (const char* name : {"Qwen2ForTokenClassification", "Qwen2Model"}) {
    const auto told = HasSubstr(std::string(name) + " is a class without a language-model head");
    EXPECT_THAT(SmallCheckpoint(config(name, "false"), {embedding}).refusal(), told);
    EXPECT_THAT(SmallCheckpoint(config(name, "true"), {"norm.weight"}).refusal(), told);
    const Choice choice = SmallCheckpoint(config(name, "true"), {flat_embedding}).choose();
    EXPECT_EQ(choice.tensor, flat_embedding);
    EXPECT_THAT(choice.reason, told);
  }
  EXPECT_THAT(SmallCheckpoint(config("Qwen2ForCausalLM", "false"), {embedding}).refusal(),
              Not(HasSubstr("class without")));
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
  return stored_matrix(Shard(directory / "file"), name);
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

TEST(ShapeWarningsTest, OtherDifferences) {
  EXPECT_THAT(warnings(12, 3),
              ElementsAre("the matrix has 10 rows, 2 fewer than the config's vocab_size 12",
                          "the matrix has 4 columns, 1 more than the config's hidden_size 3"));
  EXPECT_THAT(warnings(10, 5),
              ElementsAre("the matrix has 4 columns, 1 fewer than the config's hidden_size 5"));
}

}  // namespace
}  // namespace gamma_extract
