#include "gamma_extract/model_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "expect_fault.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::write_file;

constexpr const char* commit = "cdbee75f17c01a7cc42f958dc650907174af0554";

ModelName name_of(const fs::path& path) {
  return model_name(path, std::nullopt);
}

std::string refusal(const fs::path& path, const std::optional<std::string>& slug) {
  try {
    return "nothing was thrown; slug: " + model_name(path, slug).slug;
  } catch (const Error& error) {
    return error.what();
  }
}

/// Stands in another working directory, of which PWD says what is given, until the end of the test.
class WorkingDirectory {
 public:
  WorkingDirectory(const fs::path& path, const std::string& pwd) {
    fs::current_path(path);
    ::setenv("PWD", pwd.c_str(), 1);
  }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;
  ~WorkingDirectory() {
    fs::current_path(before_);
    ::setenv("PWD", before_.c_str(), 1);
  }

 private:
  fs::path before_ = fs::current_path();
};

TEST(SlugTest, LowerCaseAndSingleUnderscores) {
  EXPECT_EQ(slug_of("Qwen3-4B-Instruct-2507"), "qwen3_4b_instruct_2507");
  EXPECT_EQ(slug_of("azAZ09"), "azaz09");
  EXPECT_EQ(slug_of("a.-_ b"), "a_b");
  EXPECT_EQ(slug_of("__a__"), "a");
  EXPECT_EQ(slug_of("caf\xc3\xa9 \xff x"), "caf_x");
  EXPECT_EQ(slug_of(""), "");
  EXPECT_EQ(slug_of("-\xc3\xa9-"), "");
}

TEST(ModelNameTest, OfADirectory) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "Qwen3-Tiny");
  for (const char* path : {"Qwen3-Tiny", "Qwen3-Tiny/", "Qwen3-Tiny//", "Qwen3-Tiny/.",
                           "Qwen3-Tiny/./", "x/../Qwen3-Tiny", "Qwen3-Tiny/x/.."}) {
    const ModelName name = name_of(directory / path);
    EXPECT_EQ(name.model, "Qwen3-Tiny") << path;
    EXPECT_EQ(name.slug, "qwen3_tiny") << path;
    EXPECT_FALSE(name.is_id);
    EXPECT_FALSE(name.revision.has_value());
  }
}

TEST(ModelNameTest, BytesStayAsTheyAre) {
  const ModelName name = name_of("/models/caf\xe9 \x1b[31m");
  EXPECT_EQ(name.model, "caf\xe9 \x1b[31m");
  EXPECT_EQ(name.slug, "caf_31m");
}

TEST(ModelNameTest, OfTheWorkingDirectory) {
  const TemporaryDirectory directory;
  fs::create_directories(directory / "outer" / "inner");
  const fs::path inner = directory / "outer" / "inner";
  const WorkingDirectory there(inner, inner.string());
  EXPECT_EQ(name_of(".").model, "inner");
  EXPECT_EQ(name_of("./").model, "inner");
  EXPECT_EQ(name_of("..").model, "outer");
  EXPECT_EQ(name_of("a/..").model, "inner");
  EXPECT_EQ(name_of("a").model, "a");
}

TEST(ModelNameTest, LinksAreNotResolved) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "target");
  fs::create_directory_symlink("target", directory / "link");
  EXPECT_EQ(name_of(directory / "link").model, "link");
  const WorkingDirectory there(directory / "link", (directory / "link").string());
  EXPECT_EQ(name_of(".").model, "link");
}

TEST(ModelNameTest, APwdThatIsElsewhereDoesNotCount) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "here");
  fs::create_directory(directory / "elsewhere");
  for (const std::string& pwd : {(directory / "elsewhere").string(), std::string("/nowhere"),
                                 std::string("."), std::string()}) {
    const WorkingDirectory there(directory / "here", pwd);
    EXPECT_EQ(name_of(".").model, "here") << pwd;
  }
}

TEST(ModelNameTest, OfAFile) {
  const TemporaryDirectory directory;
  write_file(directory / "Gpt-2.safetensors", "");
  write_file(directory / "weights.bin", "");
  fs::create_directory(directory / "dir.safetensors");
  EXPECT_EQ(name_of(directory / "Gpt-2.safetensors").model, "Gpt-2.safetensors");
  EXPECT_EQ(name_of(directory / "Gpt-2.safetensors").slug, "gpt_2");
  EXPECT_EQ(name_of(directory / "weights.bin").slug, "weights_bin");
  EXPECT_EQ(name_of(directory / "dir.safetensors").slug, "dir_safetensors");
}

TEST(ModelNameTest, OfASnapshotInTheCache) {
  const TemporaryDirectory cache;
  const fs::path snapshot = cache / "models--Qwen--Qwen3-4B" / "snapshots" / commit;
  fs::create_directories(snapshot);
  for (const fs::path& path : {snapshot, snapshot / "", snapshot / "."}) {
    const ModelName name = name_of(path);
    EXPECT_EQ(name.model, "Qwen/Qwen3-4B");
    EXPECT_EQ(name.revision, commit);
    EXPECT_TRUE(name.is_id);
    EXPECT_EQ(name.slug, "qwen3_4b");
  }
}

TEST(ModelNameTest, OfASnapshotWithoutAnOrganisation) {
  const ModelName name = name_of(fs::path("/cache/models--gpt2/snapshots") / commit);
  EXPECT_EQ(name.model, "gpt2");
  EXPECT_EQ(name.revision, commit);
  EXPECT_TRUE(name.is_id);
  EXPECT_EQ(name.slug, "gpt2");
}

TEST(ModelNameTest, AnIdMayEndLikeAFile) {
  const ModelName name = name_of(fs::path("/models--a--b.safetensors/snapshots") / commit);
  EXPECT_EQ(name.slug, "b_safetensors");
}

TEST(ModelNameTest, WhatOnlyLooksLikeASnapshot) {
  for (const std::string& path :
       {std::string("/models--a--b/snapshots/main"), "/models--a--b/other/" + std::string(commit),
        "/datasets--a--b/snapshots/" + std::string(commit),
        "/models--a--b--c/snapshots/" + std::string(commit),
        "/models----b/snapshots/" + std::string(commit),
        "/models--/snapshots/" + std::string(commit),
        "/models--a--/snapshots/" + std::string(commit),
        "/models--a--b/snapshots/" + std::string(commit) + "/sub"}) {
    const ModelName name = name_of(path);
    EXPECT_EQ(name.model, fs::path(path).filename()) << path;
    EXPECT_FALSE(name.is_id) << path;
    EXPECT_FALSE(name.revision.has_value()) << path;
  }
}

TEST(ModelNameTest, AFileOfASnapshotIsAFile) {
  const TemporaryDirectory cache;
  const fs::path file = cache / "models--a--b" / "snapshots" / commit;
  write_file(file, "");
  EXPECT_FALSE(name_of(file).is_id);
}

TEST(ModelNameTest, ALabelIsTakenAsItIs) {
  EXPECT_EQ(model_name("/a", "other_1").slug, "other_1");
  EXPECT_EQ(model_name("/a", "other_1").model, "a");
  EXPECT_EQ(model_name("/", "other_1").slug, "other_1");
}

TEST(ModelNameTest, ALabelInAnotherFormIsRefusedWithTheRightOne) {
  for (const char* label : {"My-Model", "my__model", "_my_model", "my_model_", "my/model"}) {
    EXPECT_FAULT(model_name("/a", label), usage);
    EXPECT_THAT(refusal("/a", label), HasSubstr("--name my_model")) << label;
  }
  EXPECT_FAULT(model_name("/a", ""), usage);
  EXPECT_FAULT(model_name("/a", "--"), usage);
}

TEST(ModelNameTest, NoLabelWithoutALetterOrDigit) {
  for (const char* path : {"/", "//", "/..", "/---", "/\xc3\xa9"}) {
    EXPECT_FAULT(name_of(path), usage);
    EXPECT_THAT(refusal(path, std::nullopt), HasSubstr("--name")) << path;
  }
}

TEST(ModelNameTest, FilesOfTheSetDoNotMeet) {
  for (const char* label : {"centroid_mu", "covariance", "centered_a", "centered_centroid_mu"}) {
    EXPECT_FAULT(model_name("/a", label), usage);
    EXPECT_FAULT(name_of(fs::path("/models") / label), usage);
    EXPECT_THAT(refusal(fs::path("/models") / label, std::nullopt), HasSubstr("--name")) << label;
  }
  for (const char* label : {"centered", "centeredx", "centroid", "centroid_mu_2", "covariance_2"}) {
    EXPECT_EQ(model_name("/a", label).slug, label);
  }
}

TEST(ModelNameTest, ALabelFitsIntoAFileName) {
  EXPECT_EQ(model_name("/a", std::string(200, 'a')).slug.size(), 200U);
  EXPECT_FAULT(model_name("/a", std::string(201, 'a')), usage);
  EXPECT_FAULT(name_of("/" + std::string(201, 'a')), usage);
}

}  // namespace
}  // namespace gamma_extract
