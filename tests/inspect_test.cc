#include "gamma_extract/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "expect_fault.h"
#include "safetensors_file.h"
#include "temporary_directory.h"
#include "watcher.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryDirectory;
using testing::write_file;
using testing::write_safetensors;
using testing::ZeroTensor;

constexpr const char* head = "lm_head.weight";
constexpr const char* embedding = "model.embed_tokens.weight";
constexpr const char* index_name = "model.safetensors.index.json";

class InspectTest : public ::testing::Test {
 protected:
  [[nodiscard]] fs::path model() const { return directory_ / "Some-Model"; }
  void write_config(std::string_view config) const { write_file(model() / "config.json", config); }
  void write_single(const std::vector<ZeroTensor>& tensors) const {
    write_safetensors(model() / "model.safetensors", tensors);
  }
  /// Two shards, the head in the second one.
  void write_shards() const {
    write_config(R"({"model_type": "llama", "tie_word_embeddings": false})");
    write_file(model() / index_name,
               R"({"weight_map": {"a": "1.safetensors", "b": "1.safetensors",)"
               R"( "lm_head.weight": "2.safetensors"}})");
    write_safetensors(model() / "1.safetensors", {{"a"}, {"b"}});
    write_safetensors(model() / "2.safetensors", {{head}});
  }
  [[nodiscard]] Inspection look(const std::optional<std::string>& tensor = std::nullopt) const {
    return look_at(model(), tensor);
  }
  static Inspection look_at(const fs::path& path,
                            const std::optional<std::string>& tensor = std::nullopt) {
    InspectOptions options;
    options.model.name = path;
    options.tensor = tensor;
    return inspect(options, testing::Watcher().observer());
  }

 private:
  TemporaryDirectory directory_;
};

std::vector<std::string> names_of(const InspectedShard& shard) {
  std::vector<std::string> names;
  for (const safetensors::Tensor& tensor : shard.tensors) names.push_back(tensor.name);
  return names;
}

void expect_problem(const Inspection& inspection, Fault fault) {
  EXPECT_FALSE(inspection.chosen.has_value());
  ASSERT_TRUE(inspection.problem.has_value());
  EXPECT_EQ(inspection.problem->fault(), fault) << inspection.problem->what();
}

TEST_F(InspectTest, TellsTheChoiceAndEveryTensor) {
  write_config(R"({"model_type": "llama", "tie_word_embeddings": false})");
  write_single({{"model.norm.weight", {3}, "F32", 4}, {head, {5, 2}}, {"scales", {2, 7}, "I8", 1}});
  const Inspection inspection = look();
  EXPECT_EQ(inspection.model, "Some-Model");
  EXPECT_FALSE(inspection.revision.has_value());
  ASSERT_TRUE(inspection.chosen.has_value());
  EXPECT_EQ(inspection.chosen->choice.tensor, head);
  EXPECT_EQ(inspection.chosen->choice.shard, "model.safetensors");
  EXPECT_EQ(inspection.chosen->choice.reason, "lm_head.weight is there");
  EXPECT_EQ(inspection.chosen->tensor.dtype, safetensors::Dtype::BF16);
  EXPECT_THAT(inspection.chosen->tensor.shape, ElementsAre(5, 2));
  EXPECT_THAT(inspection.candidates, ElementsAre(head));
  EXPECT_FALSE(inspection.problem.has_value());
  EXPECT_THAT(inspection.warnings, IsEmpty());
  ASSERT_EQ(inspection.shards.size(), 1U);
  EXPECT_EQ(inspection.shards[0].name, "model.safetensors");
  EXPECT_THAT(names_of(inspection.shards[0]), ElementsAre(head, "model.norm.weight", "scales"));
  EXPECT_EQ(inspection.shards[0].tensors[2].bytes, 14U);
}

TEST_F(InspectTest, TensorsAreInTheOrderOfTheirNumbersShardByShard) {
  write_file(model() / index_name, R"({"weight_map": {"l.10": "10", "l.9": "10", "a": "9"}})");
  write_safetensors(model() / "10", {{"l.10"}, {"l.9"}});
  write_safetensors(model() / "9", {{"a"}});
  const Inspection inspection = look("a");
  ASSERT_EQ(inspection.shards.size(), 2U);
  EXPECT_EQ(inspection.shards[0].name, "9");
  EXPECT_EQ(inspection.shards[1].name, "10");
  EXPECT_THAT(names_of(inspection.shards[1]), ElementsAre("l.9", "l.10"));
}

TEST_F(InspectTest, SubByteTensorsHaveTheBytesThatTheyFill) {
  write_file(model() / "model.safetensors",
             std::string("\x37\0\0\0\0\0\0\0", 8) +
                 R"({"a":{"dtype":"F4","shape":[3,2],"data_offsets":[0,3]}})" + "abc");
  const Inspection inspection = look_at(model() / "model.safetensors");
  EXPECT_EQ(inspection.shards.at(0).tensors.at(0).bytes, 3U);
}

TEST_F(InspectTest, AFileAloneHasNoChoiceAndNoProblem) {
  write_single({{"a"}, {"x.lm_head.weight"}});
  const Inspection inspection = look_at(model() / "model.safetensors");
  EXPECT_EQ(inspection.model, "model.safetensors");
  EXPECT_FALSE(inspection.chosen.has_value());
  EXPECT_FALSE(inspection.problem.has_value());
  EXPECT_THAT(inspection.candidates, ElementsAre("x.lm_head.weight"));
  EXPECT_THAT(names_of(inspection.shards.at(0)), ElementsAre("a", "x.lm_head.weight"));
}

TEST_F(InspectTest, OfAFileATensorMayBeNamed) {
  write_single({{"a"}, {"b", {2}}});
  const fs::path file = model() / "model.safetensors";
  EXPECT_EQ(look_at(file, "a").chosen->choice.reason, "named by --tensor");
  expect_problem(look_at(file, "c"), Fault::tensor_missing);
  expect_problem(look_at(file, "b"), Fault::tensor_not_matrix);
  EXPECT_EQ(look_at(file, "c").shards.at(0).tensors.size(), 2U);
}

TEST_F(InspectTest, AProblemLeavesTheList) {
  write_single({{"a"}, {embedding}});
  expect_problem(look(), Fault::config_missing);
  write_config(R"({"model_type": "llama", "tie_word_embeddings": false})");
  const Inspection inspection = look();
  expect_problem(inspection, Fault::tensor_not_tied);
  EXPECT_THAT(inspection.candidates, ElementsAre(embedding));
  EXPECT_THAT(names_of(inspection.shards.at(0)), ElementsAre("a", embedding));
  write_config("{");
  expect_problem(look(), Fault::config_invalid);
}

TEST_F(InspectTest, WhatIsChosenMustBeAMatrixThatCanBeTaken) {
  write_config(R"({"model_type": "llama", "tie_word_embeddings": false})");
  write_single({{head, {4, 2}, "I8", 1}});
  expect_problem(look(), Fault::tensor_dtype_unsupported);
  write_single({{head, {0, 2}}});
  expect_problem(look(), Fault::matrix_empty);
}

TEST_F(InspectTest, HeadAndEmbeddingAreNotComparedWhereTheConfigTies) {
  write_config(R"({"model_type": "qwen3", "tie_word_embeddings": true})");
  write_single({{embedding}, {head}});
  EXPECT_EQ(look().chosen->choice.reason,
            "lm_head.weight is there; the config ties it to model.embed_tokens.weight, not "
            "compared with it here");
}

TEST_F(InspectTest, ShapesUnlikeTheConfigAreWarnedOf) {
  write_config(
      R"({"model_type": "llama", "tie_word_embeddings": false, "vocab_size": 3, "hidden_size": 2})");
  write_single({{head, {4, 2}}});
  EXPECT_THAT(look().warnings, ElementsAre("1 rows of padding beyond the config's vocab_size 3"));
}

TEST_F(InspectTest, AnotherShardThatCannotBeReadIsAWarning) {
  write_shards();
  fs::remove(model() / "1.safetensors");
  const auto expect_listed_without = [this](std::string_view why) {
    const Inspection inspection = look();
    EXPECT_TRUE(inspection.chosen.has_value());
    EXPECT_FALSE(inspection.problem.has_value());
    EXPECT_THAT(inspection.warnings,
                ElementsAre(AllOf(HasSubstr("1.safetensors"), HasSubstr(std::string(why)))));
    ASSERT_EQ(inspection.shards.size(), 2U);
    EXPECT_FALSE(inspection.shards[0].read);
    EXPECT_THAT(inspection.shards[0].tensors, IsEmpty());
    EXPECT_TRUE(inspection.shards[1].read);
    EXPECT_THAT(names_of(inspection.shards[1]), ElementsAre(head));
  };
  expect_listed_without("no such file");
  write_file(model() / "1.safetensors", "abc");
  expect_listed_without("3 bytes");
}

TEST_F(InspectTest, TheShardOfTheMatrixThatCannotBeReadIsAProblem) {
  write_shards();
  fs::remove(model() / "2.safetensors");
  const Inspection inspection = look();
  expect_problem(inspection, Fault::shard_missing);
  EXPECT_THAT(inspection.problem->what(), HasSubstr("the tensor lm_head.weight"));
  EXPECT_THAT(inspection.warnings, IsEmpty());
  EXPECT_THAT(names_of(inspection.shards.at(0)), ElementsAre("a", "b"));
  EXPECT_FALSE(inspection.shards.at(1).read);
  write_file(model() / "2.safetensors", "abc");
  expect_problem(look(), Fault::header_too_small);
}

TEST_F(InspectTest, AnIndexThatIsNotOfTheseShardsIsWarnedOf) {
  write_shards();
  write_safetensors(model() / "1.safetensors", {{"b"}, {"c"}});
  EXPECT_THAT(look().warnings,
              ElementsAre("1.safetensors: it does not hold a, though the index says so",
                          "1.safetensors: it holds c, which the index does not say"));
  write_safetensors(model() / "2.safetensors", {{"c"}});
  expect_problem(look(), Fault::tensor_not_in_shard);
}

TEST_F(InspectTest, WhatCannotBeListedIsThrown) {
  EXPECT_FAULT(static_cast<void>(look()), model_missing);
  write_config("{}");
  EXPECT_FAULT(static_cast<void>(look()), model_empty);
  write_file(model() / "model.safetensors", "abc");
  EXPECT_FAULT(static_cast<void>(look()), header_too_small);
  EXPECT_FAULT(look_at(model() / "model.safetensors"), header_too_small);
}

TEST_F(InspectTest, AnIndexIsToldFromAFile) {
  write_shards();
  try {
    look_at(model() / index_name);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::header_too_large);
    EXPECT_THAT(error.what(), HasSubstr("give its directory"));
  }
  try {
    look_at(model() / "other.safetensors.index.json");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::model_missing);
    EXPECT_THAT(error.what(), HasSubstr("no such file"));
  }
}

TEST_F(InspectTest, NoTensorIsNoProblemOfAFile) {
  write_single({});
  EXPECT_FALSE(look_at(model() / "model.safetensors").problem.has_value());
}

TEST_F(InspectTest, ANameWithoutALetterIsNoProblem) {
  write_safetensors(model() / "__" / "model.safetensors", {{"a"}});
  EXPECT_EQ(look_at(model() / "__").model, "__");
}

TEST_F(InspectTest, ASnapshotHasItsNameAndCommit) {
  const fs::path snapshot = model() / "models--Org--Name" / "snapshots" / "00ff";
  write_safetensors(snapshot / "model.safetensors", {{"a"}});
  EXPECT_EQ(look_at(snapshot).model, "Org/Name");
  EXPECT_EQ(look_at(snapshot).revision, "00ff");
}

TEST_F(InspectTest, StopsWhenItIsAskedTo) {
  write_single({{"a"}});
  testing::Watcher watcher;
  watcher.stop.request(SIGINT);
  InspectOptions options;
  options.model.name = model();
  EXPECT_THROW(inspect(options, watcher.observer()), Stopped);
}

}  // namespace
}  // namespace gamma_extract
