#include "gamma_extract/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "expect_fault.h"
#include "safetensors_file.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using ::testing::UnorderedElementsAre;
using testing::write_file;
using testing::write_safetensors;

/// The text of the Error that opening `path` throws.
std::string refusal(const fs::path& path) {
  try {
    const Checkpoint checkpoint(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(CheckpointTest, OneFileInADirectory) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "model.safetensors", {{"a"}, {"b"}});
  const Checkpoint checkpoint(directory.path());
  EXPECT_FALSE(checkpoint.is_file());
  EXPECT_TRUE(checkpoint.has("a"));
  EXPECT_FALSE(checkpoint.has("c"));
  EXPECT_THAT(checkpoint.names(), UnorderedElementsAre("a", "b"));
  EXPECT_EQ(checkpoint.shard_of("a"), "model.safetensors");
  EXPECT_EQ(checkpoint.open_shard("a"), checkpoint.open_shard("b"));
  EXPECT_FALSE(checkpoint.config().has_value());
  EXPECT_FALSE(checkpoint.config_error().has_value());
}

TEST(CheckpointTest, ASingleFileOfAnyName) {
  const TemporaryDirectory directory;
  write_file(directory / "config.json", R"({"model_type": "llama"})");
  write_safetensors(directory / "weights.bin", {{"a"}});
  const Checkpoint checkpoint(directory / "weights.bin");
  EXPECT_TRUE(checkpoint.is_file());
  EXPECT_TRUE(checkpoint.has("a"));
  EXPECT_EQ(checkpoint.shard_of("a"), "weights.bin");
  EXPECT_EQ(checkpoint.open_shard("a")->source->path(), directory / "weights.bin");
  EXPECT_FALSE(checkpoint.config().has_value());
  EXPECT_THAT(checkpoint.inputs(), UnorderedElementsAre(directory / "weights.bin"));
}

TEST(CheckpointTest, ShardsAreOpenedWhenTheyAreNeeded) {
  const TemporaryDirectory directory;
  write_file(directory / "model.safetensors.index.json",
             R"({"weight_map": {"a": "1.safetensors", "b": "sub/2.safetensors", "c": "3"}})");
  write_safetensors(directory / "sub" / "2.safetensors", {{"b"}});
  write_file(directory / "3", "not safetensors");
  const Checkpoint checkpoint(directory.path());
  EXPECT_THAT(checkpoint.names(), UnorderedElementsAre("a", "b", "c"));
  EXPECT_TRUE(checkpoint.has("a"));
  EXPECT_FALSE(checkpoint.has("d"));
  EXPECT_EQ(checkpoint.shard_of("b"), "sub/2.safetensors");
  EXPECT_TRUE(checkpoint.open_shard("b")->header.find("b").has_value());
  EXPECT_FAULT(static_cast<void>(checkpoint.open_shard("a")), shard_missing);
  EXPECT_THROW(static_cast<void>(checkpoint.open_shard("c")), Error);
}

TEST(CheckpointTest, ADanglingShardNamesItsTarget) {
  const TemporaryDirectory directory;
  write_file(directory / "model.safetensors.index.json", R"({"weight_map": {"a": "1"}})");
  fs::create_symlink("../../blobs/1234", directory / "1");
  const Checkpoint checkpoint(directory.path());
  EXPECT_FAULT(static_cast<void>(checkpoint.open_shard("a")), file_missing);
}

TEST(CheckpointTest, OneFileWinsOverTheIndex) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "model.safetensors", {{"a"}});
  write_file(directory / "model.safetensors.index.json", "not looked at");
  EXPECT_THAT(Checkpoint(directory.path()).names(), UnorderedElementsAre("a"));
}

TEST(CheckpointTest, ADanglingModelFileIsNotPassedOver) {
  const TemporaryDirectory directory;
  fs::create_symlink("../../blobs/1234", directory / "model.safetensors");
  write_file(directory / "model.safetensors.index.json", R"({"weight_map": {}})");
  EXPECT_FAULT(Checkpoint{directory.path()}, file_missing);
}

TEST(CheckpointTest, TheIndexIsChecked) {
  const TemporaryDirectory directory;
  const fs::path index = directory / "model.safetensors.index.json";
  write_file(index, "{}");
  EXPECT_FAULT(Checkpoint{directory.path()}, index_invalid);
  EXPECT_THAT(refusal(directory.path()), HasSubstr(index.string()));
  write_file(index, R"({"weight_map": {"a": "../x"}})");
  EXPECT_FAULT(Checkpoint{directory.path()}, index_escapes);
  fs::resize_file(index, 64'000'001);
  EXPECT_FAULT(Checkpoint{directory.path()}, index_invalid);
  EXPECT_THAT(refusal(directory.path()), HasSubstr("64000001"));
}

TEST(CheckpointTest, TheConfigIsRead) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "model.safetensors", {{"a"}});
  write_file(directory / "config.json", R"({"model_type": "llama"})");
  EXPECT_EQ(Checkpoint(directory.path()).config()->model_type, "llama");
}

TEST(CheckpointTest, AnInvalidConfigIsKeptForWhoNeedsIt) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "model.safetensors", {{"a"}});
  write_file(directory / "config.json", "{");
  const Checkpoint checkpoint(directory.path());
  EXPECT_FALSE(checkpoint.config().has_value());
  ASSERT_TRUE(checkpoint.config_error().has_value());
  EXPECT_EQ(checkpoint.config_error()->fault(), Fault::config_invalid);
  EXPECT_THAT(checkpoint.config_error()->what(), HasSubstr((directory / "config.json").string()));
}

TEST(CheckpointTest, AnUnreadableConfigIsKeptForWhoNeedsIt) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "model.safetensors", {{"a"}});
  fs::create_symlink("../../blobs/1234", directory / "config.json");
  const Checkpoint checkpoint(directory.path());
  EXPECT_FALSE(checkpoint.config().has_value());
  ASSERT_TRUE(checkpoint.config_error().has_value());
  EXPECT_EQ(checkpoint.config_error()->fault(), Fault::file_missing);
}

TEST(CheckpointTest, NoSuchPath) {
  const TemporaryDirectory directory;
  EXPECT_FAULT(Checkpoint(directory / "a"), model_missing);
  EXPECT_FAULT(Checkpoint(""), model_missing);
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  write_safetensors(directory / "file", {{"a"}});
  EXPECT_FAULT(Checkpoint(directory / "file" / "a"), model_missing);
  EXPECT_FAULT(Checkpoint(directory / "file/"), model_missing);
  fs::create_symlink("../nowhere", directory / "link");
  EXPECT_FAULT(Checkpoint(directory / "link"), model_missing);
  EXPECT_THAT(refusal(directory / "link"), HasSubstr("../nowhere"));
}

TEST(CheckpointTest, NeitherDirectoryNorFile) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  EXPECT_FAULT(Checkpoint(directory / "pipe"), file_not_regular);
}

TEST(CheckpointTest, WhatCannotBeLookedAtIsNotCalledMissing) {
  const TemporaryDirectory directory;
  fs::create_symlink("loop", directory / "loop");
  EXPECT_FAULT(Checkpoint(directory / "loop"), file_unreadable);
  EXPECT_FAULT(Checkpoint(directory / std::string(300, 'a')), file_unreadable);
}

TEST(CheckpointTest, PicklesAreRefused) {
  for (const char* name : {"pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt",
                           "consolidated.00.pth"}) {
    const TemporaryDirectory directory;
    write_file(directory / "config.json", "{}");
    write_file(directory / name, "");
    EXPECT_FAULT(Checkpoint{directory.path()}, pickle_only);
    EXPECT_THAT(refusal(directory.path()), HasSubstr(name));
  }
}

TEST(CheckpointTest, NotEveryBinaryIsAPickle) {
  const TemporaryDirectory directory;
  write_file(directory / "weights.bin", "");
  EXPECT_FAULT(Checkpoint{directory.path()}, model_empty);
}

TEST(CheckpointTest, PicklesBesideSafetensorsDoNotMatter) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "model.safetensors", {{"a"}});
  write_file(directory / "pytorch_model.bin", "");
  EXPECT_TRUE(Checkpoint(directory.path()).has("a"));
}

TEST(CheckpointTest, AnAdapterIsToldFromAModel) {
  const TemporaryDirectory directory;
  write_file(directory / "adapter_config.json", "{}");
  write_file(directory / "adapter_model.bin", "");
  write_file(directory / "training_args.pt", "");
  EXPECT_FAULT(Checkpoint{directory.path()}, adapter_only);
  EXPECT_THAT(refusal(directory.path()), HasSubstr("adapter"));
  write_safetensors(directory / "adapter_model.safetensors", {{"a"}});
  EXPECT_TRUE(Checkpoint(directory.path()).has("a"));  // for whoever names it
  std::filesystem::remove(directory / "adapter_model.safetensors");
  write_file(directory / "config.json", "{}");
  EXPECT_FAULT(Checkpoint{directory.path()}, pickle_only);
}

TEST(CheckpointTest, GgufFilesAreRefused) {
  const TemporaryDirectory directory;
  write_file(directory / "model-q4_k_m.gguf", "");
  EXPECT_FAULT(Checkpoint{directory.path()}, gguf_only);
  EXPECT_THAT(refusal(directory.path()), HasSubstr("model-q4_k_m.gguf"));
}

TEST(CheckpointTest, TheConfigMayNameTheFile) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "model.safetensors", {{"a"}});
  write_safetensors(directory / "sub" / "other.safetensors", {{"b"}});
  write_file(directory / "config.json", R"({"transformers_weights": "sub/other.safetensors"})");
  const Checkpoint checkpoint(directory.path());
  EXPECT_THAT(checkpoint.names(), UnorderedElementsAre("b"));
  EXPECT_EQ(checkpoint.shard_of("b"), "sub/other.safetensors");
  EXPECT_THAT(checkpoint.inputs(),
              UnorderedElementsAre(directory / "config.json", directory / "sub/other.safetensors"));
}

TEST(CheckpointTest, TheConfigMayNameTheIndex) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "model.safetensors", {{"a"}});
  write_file(directory / "other.safetensors.index.json", R"({"weight_map": {"b": "1"}})");
  write_file(directory / "config.json",
             R"({"transformers_weights": "other.safetensors.index.json"})");
  EXPECT_THAT(Checkpoint(directory.path()).names(), UnorderedElementsAre("b"));
}

TEST(CheckpointTest, TheConfigMustNameAFileOfTheDirectory) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "model.safetensors", {{"a"}});
  for (const char* name : {"../other.safetensors", "/other.safetensors", "sub/../../a.safetensors",
                           "", "a\\\\b.safetensors"}) {
    write_file(directory / "config.json",
               R"({"transformers_weights": ")" + std::string(name) + "\"}");
    EXPECT_FAULT(Checkpoint{directory.path()}, weights_escape);
  }
  EXPECT_THAT(refusal(directory.path()), HasSubstr("do not trust"));
  write_file(directory / "config.json", R"({"transformers_weights": "adapter_model.bin"})");
  EXPECT_FAULT(Checkpoint{directory.path()}, config_invalid);
  write_file(directory / "config.json", R"({"transformers_weights": "missing.safetensors"})");
  EXPECT_FAULT(Checkpoint{directory.path()}, shard_missing);
}

TEST(CheckpointTest, AnEmptyDirectorySaysWhatWasLookedFor) {
  const TemporaryDirectory directory;
  EXPECT_FAULT(Checkpoint{directory.path()}, model_empty);
  EXPECT_THAT(refusal(directory.path()),
              AllOf(HasSubstr("model.safetensors"), HasSubstr("model.safetensors.index.json")));
}

TEST(CheckpointTest, ShardsWithoutTheirIndexAreNamed) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "model-00001-of-00002.safetensors", {{"a"}});
  EXPECT_FAULT(Checkpoint{directory.path()}, model_empty);
  EXPECT_THAT(refusal(directory.path()), HasSubstr("model-00001-of-00002.safetensors"));
}

TEST(CheckpointTest, KnowsEveryFileThatItMayRead) {
  const TemporaryDirectory directory;
  write_file(directory / "model.safetensors.index.json",
             R"({"weight_map": {"a": "1", "b": "1", "c": "2"}})");
  EXPECT_THAT(Checkpoint(directory.path()).inputs(),
              UnorderedElementsAre(directory / "config.json", directory / "1", directory / "2",
                                   directory / "model.safetensors.index.json"));
  write_safetensors(directory / "model.safetensors", {{"a"}});
  EXPECT_THAT(Checkpoint(directory.path()).inputs(),
              UnorderedElementsAre(directory / "config.json", directory / "model.safetensors"));
}

}  // namespace
}  // namespace gamma_extract
