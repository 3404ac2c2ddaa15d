#include "gamma_extract/model_location.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "environment.h"
#include "expect_fault.h"
#include "hub_cache.h"
#include "snapshot.h"
#include "temporary_directory.h"
#include "watcher.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using testing::CachedModel;
using testing::environment;
using testing::first_commit;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::second_commit;
using testing::TemporaryDirectory;
using testing::Words;
using testing::write_file;

/// A cache with nothing in it; the environment names it.
class ModelLocationTest : public ::testing::Test {
 protected:
  ModelLocationTest() { fs::create_directory(cache()); }

  [[nodiscard]] fs::path cache() const { return directory_ / "hub"; }
  [[nodiscard]] fs::path operator/(const fs::path& name) const { return directory_ / name; }

  /// With the caches here, offline unless `words` say otherwise.
  ModelLocation locate_with(const ModelOptions& options, Words words) const {
    words.insert({{"HF_HUB_CACHE", cache()},
                  {"GAMMA_EXTRACT_CACHE", *this / "fetched"},
                  {"HF_HUB_OFFLINE", "1"}});
    return locate_model(options, watcher_.observer(), environment(words));
  }
  ModelLocation locate(const ModelOptions& options) const { return locate_with(options, {}); }
  ModelLocation locate(const std::string& name) const {
    return locate(ModelOptions{.name = name, .revision = {}, .cache_dir = {}});
  }
  ModelLocation locate(const std::string& name, const std::string& revision) const {
    return locate(ModelOptions{.name = name, .revision = revision, .cache_dir = {}});
  }
  template <class... Args>
  [[nodiscard]] std::string refusal(const Args&... args) const {
    try {
      return "nothing was thrown; path: " + locate(args...).path.string();
    } catch (const Error& error) {
      return error.what();
    }
  }

 private:
  TemporaryDirectory directory_;
  testing::Watcher watcher_;
};

/// Stands in a directory until the end of the test.
class WorkingDirectory {
 public:
  explicit WorkingDirectory(const fs::path& path) { fs::current_path(path); }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;
  ~WorkingDirectory() { fs::current_path(before_); }

 private:
  fs::path before_ = fs::current_path();
};

// What is a path.

TEST_F(ModelLocationTest, ADirectoryOrAFileIsTakenAsItIs) {
  fs::create_directory(*this / "model");
  write_file(*this / "file", "");
  fs::create_symlink("model", *this / "link");
  for (const char* name : {"model", "model/", "file", "link"}) {
    EXPECT_EQ(locate(*this / name).path, *this / name);
    EXPECT_EQ(locate(*this / name).files, nullptr);
  }
}

TEST_F(ModelLocationTest, ADirectoryBeatsTheCache) {
  const CachedModel model(cache());
  model.add_reference("main", first_commit);
  fs::create_directories(model.snapshot(first_commit));
  fs::create_directories(*this / "work/Org/Name");
  write_file(*this / "work/gpt2", "");
  EXPECT_EQ(locate("Org/Name").path, model.snapshot(first_commit));
  const WorkingDirectory work(*this / "work");
  EXPECT_EQ(locate("Org/Name").path, "Org/Name");
  EXPECT_EQ(locate("gpt2").path, "gpt2");
}

TEST_F(ModelLocationTest, APathHasNoRevision) {
  fs::create_directory(*this / "model");
  write_file(*this / "file", "");
  EXPECT_FAULT(locate(*this / "model", "main"), usage);
  EXPECT_FAULT(locate(*this / "file", "main"), usage);
  EXPECT_THAT(refusal((*this / "model").string(), "main"),
              AllOf(HasSubstr("--revision"), HasSubstr("is a directory")));
}

TEST_F(ModelLocationTest, WhatCanOnlyBeAPath) {
  for (const char* name : {"/nowhere", "./a", "../a", ".a", "~/a", "~a", "a/b/c", "a/", "Org/Name/",
                           "datasets/a/b", ""}) {
    EXPECT_FAULT(locate(name), model_missing);
    EXPECT_FAULT(locate(name, "v1"), model_missing);
    EXPECT_THAT(refusal(name), Not(HasSubstr("hf download"))) << name;
  }
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("~/a"), HasSubstr("the shell expands ~"));
}

TEST_F(ModelLocationTest, ALinkToNothingIsNoId) {
  const WorkingDirectory work(*this / "");
  fs::create_symlink("nowhere", *this / "gpt2");
  EXPECT_FAULT(locate("gpt2"), model_missing);
  EXPECT_THAT(refusal("gpt2"), HasSubstr("a link to nowhere"));
}

TEST_F(ModelLocationTest, WhatCannotBeLookedAt) {
  fs::create_symlink("loop", *this / "loop");
  EXPECT_FAULT(locate(*this / "loop"), file_unreadable);
  EXPECT_THAT(refusal((*this / "loop").string()), HasSubstr("; check the links"));
  EXPECT_THAT(refusal((*this / std::string(300, 'x')).string()), HasSubstr("; check the name"));
}

TEST_F(ModelLocationTest, NeitherAPathNorAnId) {
  for (const char* name : {"a b", "a--b", "caf\xc3\xa9", "Org/Name.git", "Org/-x"}) {
    EXPECT_FAULT(locate(name), model_id_invalid);
  }
}

TEST_F(ModelLocationTest, AnAddressIsToldItsId) {
  for (const char* name : {"https://huggingface.co/Org/Name", "hf://Org/Name", "models/Org/Name",
                           "models--Org--Name", "huggingface.co/Org/Name"}) {
    EXPECT_FAULT(locate(name), model_id_invalid);
    EXPECT_THAT(refusal(name), HasSubstr("give Org/Name")) << name;
  }
}

// What is in the cache.

TEST_F(ModelLocationTest, MainIsTheDefault) {
  const CachedModel model(cache());
  model.add_reference("main", first_commit);
  model.add_reference("v1", second_commit);
  fs::create_directories(model.snapshot(first_commit));
  fs::create_directories(model.snapshot(second_commit));
  EXPECT_EQ(locate("Org/Name").path, model.snapshot(first_commit));
  EXPECT_EQ(locate("Org/Name", "main").path, model.snapshot(first_commit));
  EXPECT_EQ(locate("Org/Name", "v1").path, model.snapshot(second_commit));
}

TEST_F(ModelLocationTest, AnIdWithoutAnOrganisation) {
  const CachedModel model(cache(), "models--gpt2");
  model.add_reference("main", first_commit);
  fs::create_directories(model.snapshot(first_commit));
  EXPECT_EQ(locate("gpt2").path, model.snapshot(first_commit));
}

TEST_F(ModelLocationTest, ACommitNeedsNoReference) {
  const CachedModel model(cache());
  fs::create_directories(model.snapshot(first_commit));
  EXPECT_EQ(locate("Org/Name", first_commit).path, model.snapshot(first_commit));
  // Nor is one looked at.
  model.add_reference(first_commit, second_commit);
  EXPECT_EQ(locate("Org/Name", first_commit).path, model.snapshot(first_commit));
}

TEST_F(ModelLocationTest, ARevisionMayHaveSlashes) {
  const CachedModel model(cache());
  model.add_reference("refs/pr/1", first_commit);
  model.add_reference("feature/x", first_commit);
  fs::create_directories(model.snapshot(first_commit));
  EXPECT_EQ(locate("Org/Name", "refs/pr/1").path, model.snapshot(first_commit));
  EXPECT_EQ(locate("Org/Name", "feature/x").path, model.snapshot(first_commit));
  EXPECT_FAULT(locate("Org/Name", "refs/pr"), revision_not_cached);  // a directory
}

TEST_F(ModelLocationTest, ARevisionDoesNotLeaveTheReferences) {
  const CachedModel model(cache());
  fs::create_directories(model.path() / "refs/x");
  write_file(model.path() / "other", first_commit);
  write_file(*this / "other", first_commit);
  fs::create_directories(model.snapshot(first_commit));
  for (const std::string& revision :
       {std::string("../other"), std::string("x/../../other"), (*this / "other").string(),
        std::string("./main"), std::string("."), std::string(".."), std::string(""),
        std::string("main/"), std::string("a//b"), std::string("main\0x", 6)}) {
    EXPECT_FAULT(locate("Org/Name", revision), revision_invalid);
  }
  write_file(model.path() / "refs/..main", first_commit);  // a name, if an odd one
  EXPECT_EQ(locate("Org/Name", "..main").path, model.snapshot(first_commit));
}

TEST_F(ModelLocationTest, WhiteSpaceAfterACommitIsForgiven) {
  const CachedModel model(cache());
  model.add_reference("main", first_commit + std::string(" \r\n"));
  fs::create_directories(model.snapshot(first_commit));
  EXPECT_EQ(locate("Org/Name").path, model.snapshot(first_commit));
}

TEST_F(ModelLocationTest, AReferenceHoldsACommit) {
  const CachedModel model(cache());
  fs::create_directories(model.snapshot(first_commit));
  fs::create_directories(model.snapshot("main"));
  for (const std::string& text : {std::string(""), std::string("main"), std::string("../x"),
                                  std::string("../snapshots/") + first_commit, std::string("CDBEE"),
                                  std::string(2000, 'a')}) {
    model.add_reference("main", text);
    EXPECT_FAULT(locate("Org/Name"), ref_invalid);
  }
}

TEST_F(ModelLocationTest, TheCacheMayBeNamedInTheOptions) {
  const CachedModel model(*this / "other cache");
  model.add_reference("main", first_commit);
  fs::create_directories(model.snapshot(first_commit));
  EXPECT_FAULT(locate("Org/Name"), model_not_cached);
  EXPECT_EQ(locate({.name = "Org/Name", .revision = {}, .cache_dir = *this / "other cache"}).path,
            model.snapshot(first_commit));
  const Environment home = environment({{"HOME", (*this / "").string()}, {"HF_HUB_OFFLINE", "1"}});
  EXPECT_TRUE(fs::equivalent(
      locate_model({.name = "Org/Name", .revision = {}, .cache_dir = "~/other cache"},
                   testing::Watcher().observer(), home)
          .path,
      model.snapshot(first_commit)));
}

// What is not.

TEST_F(ModelLocationTest, NotInTheCache) {
  CachedModel(cache(), "models--org--name").add_reference("main", first_commit);
  CachedModel(cache(), "datasets--Org--Name").add_reference("main", first_commit);
  EXPECT_FAULT(locate("Org/Name"), model_not_cached);
  EXPECT_THAT(refusal("Org/Name"),
              AllOf(HasSubstr(cache().string()), HasSubstr("offline"),
                    HasSubstr("give a directory"), Not(HasSubstr("does not exist"))));
}

TEST_F(ModelLocationTest, ASimilarModelIsNamed) {
  for (const char* directory :
       {"models--Qwen--Qwen3-4B-Base", "models--Org--Name", "version.txt"}) {
    fs::create_directory(cache() / directory);
  }
  EXPECT_THAT(refusal("qwen/qwen3-4b-bsae"), HasSubstr("hub, which has Qwen/Qwen3-4B-Base;"));
  EXPECT_THAT(refusal("org/name"), HasSubstr("hub, which has Org/Name;"));
  EXPECT_THAT(refusal("gpt2"), HasSubstr("hub; offline"));
}

TEST_F(ModelLocationTest, NoCache) {
  const ModelOptions options{.name = "gpt2", .revision = {}, .cache_dir = *this / "none"};
  EXPECT_FAULT(locate(options), model_not_cached);
  EXPECT_THAT(refusal(options),
              AllOf(HasSubstr("none, which does not exist"), HasSubstr("--cache-dir")));
}

TEST_F(ModelLocationTest, TheCacheIsAFile) {
  write_file(*this / "file", "");
  const ModelOptions options{.name = "gpt2", .revision = {}, .cache_dir = *this / "file"};
  EXPECT_FAULT(locate(options), model_not_cached);
  EXPECT_THAT(refusal(options), HasSubstr("file, which is no directory"));
}

// What the program itself has fetched lies in a cache of its own.
TEST_F(ModelLocationTest, TheOwnCacheIsNamedToo) {
  fs::create_directory(*this / "fetched");
  EXPECT_THAT(refusal("Org/Name"),
              HasSubstr("nor among what was fetched before (" + (*this / "fetched").string()));
  write_file(*this / "fetched/models--Org--Name/refs/main", std::string(first_commit) + "\n");
  EXPECT_FAULT(locate("Org/Name", "v9"), revision_not_cached);
  EXPECT_THAT(refusal("Org/Name", "v9"),
              AllOf(HasSubstr((*this / "fetched").string()), HasSubstr("its revision v9"),
                    HasSubstr(cache().string() + " there is nothing of it")));
  fs::create_directories(CachedModel(cache()).snapshot(first_commit));
  EXPECT_THAT(
      refusal("Org/Name", "v9"),
      AllOf(HasSubstr(cache().string() + " does not have its revision v9"),
            HasSubstr("nor does what was fetched before (" + (*this / "fetched").string())));
}

TEST_F(ModelLocationTest, NotThatRevision) {
  const CachedModel model(cache());
  model.add_reference("main", first_commit);
  model.add_reference("refs/pr/1", first_commit);
  fs::create_directories(model.snapshot(first_commit));
  EXPECT_FAULT(locate("Org/Name", "v2"), revision_not_cached);
  EXPECT_THAT(refusal("Org/Name", "v2"), HasSubstr("its revision v2, only main, refs/pr/1;"));
  EXPECT_FAULT(locate("Org/Name", second_commit), revision_not_cached);
  EXPECT_THAT(refusal("Org/Name", second_commit), HasSubstr(second_commit));
}

TEST_F(ModelLocationTest, NeverAnArbitrarySnapshot) {
  const CachedModel model(cache());
  fs::create_directories(model.snapshot(first_commit));
  EXPECT_FAULT(locate("Org/Name"), revision_not_cached);
}

TEST_F(ModelLocationTest, APartOfACommitIsNotEnough) {
  const CachedModel model(cache());
  fs::create_directories(model.snapshot(first_commit));
  fs::create_directories(model.snapshot("cdbee75"));
  for (const char* revision : {"cdbee75", "cdbee75f17c01a7cc42f958dc650907174af055",
                               "CDBEE75F17C01A7CC42F958DC650907174AF0554"}) {
    EXPECT_FAULT(locate("Org/Name", revision), revision_not_cached);
    EXPECT_THAT(refusal("Org/Name", revision), HasSubstr("all of its 40 digits"));
  }
  model.add_reference("cdbee75", first_commit);  // as the client leaves it when it was asked for
  EXPECT_EQ(locate("Org/Name", "cdbee75").path, model.snapshot(first_commit));
}

TEST_F(ModelLocationTest, AReferenceWithoutItsSnapshot) {
  const CachedModel model(cache());
  model.add_reference("main", second_commit);
  fs::create_directories(model.snapshot(first_commit));
  EXPECT_FAULT(locate("Org/Name"), snapshot_missing);
  EXPECT_THAT(refusal("Org/Name"), HasSubstr(second_commit));
}

// What to do.

TEST_F(ModelLocationTest, OfflineTheRemedyIsElsewhere) {
  const CachedModel model(cache());
  model.add_reference("main", first_commit);
  fs::create_directories(model.snapshot(first_commit));
  EXPECT_THAT(locate("Org/Name").files->remedy(), HasSubstr("offline"));
}

TEST_F(ModelLocationTest, OfflineInEveryWay) {
  for (const ModelOptions& options :
       {ModelOptions{.name = "Org/Name", .offline = true}, ModelOptions{.name = "Org/Name"}}) {
    const Words words{{"HF_HUB_OFFLINE", ""},
                      {"TRANSFORMERS_OFFLINE", options.offline ? "" : "YES"}};
    EXPECT_FAULT(locate_with(options, words), model_not_cached);
  }
}

TEST_F(ModelLocationTest, TheCacheIsNotTouched) {
  const CachedModel model(cache());
  model.add_reference("main", first_commit);
  model.add_file(first_commit, "config.json", "{}");
  const auto before = testing::snapshot(*this / "");
  EXPECT_EQ(locate("Org/Name").path, model.snapshot(first_commit));
  EXPECT_FAULT(locate("Org/Name", "v1"), revision_not_cached);
  EXPECT_FAULT(locate("Org/Name", second_commit), revision_not_cached);
  EXPECT_FAULT(locate("Org/Other"), model_not_cached);
  EXPECT_EQ(testing::snapshot(*this / ""), before);
}

}  // namespace
}  // namespace gamma_extract
