#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "extraction.h"
#include "hub_cache.h"
#include "snapshot.h"

// The real program on models in a cache of Hugging Face's client.

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::CachedModel;
using testing::expect_success;
using testing::first_commit;
using testing::Outcome;
using testing::OutputFiles;
using testing::second_commit;
using testing::TemporaryDirectory;

constexpr uid_t nobody = 65534;
constexpr uid_t nameless = 54321;  // a user that no password database has

/// Becomes another user, if this one may; else, where others may not run the program, there is
/// nothing to see.
void become(uid_t user) {
  if (::setgid(user) != 0 || ::setuid(user) != 0) ::_exit(125);
  if (::access(testing::program_path, X_OK) != 0) ::_exit(124);
}

/// A sharded checkpoint as Org/Name, in a cache that the environment names.
class CacheEndToEndTest : public ::testing::Test {
 protected:
  CacheEndToEndTest() : model_(cache()) {
    fs::permissions(directory_.path(), fs::perms(0755));  // others may look in
    for (const auto& entry :
         fs::directory_iterator(testing::checkpoint("llama-tied-bf16-sharded"))) {
      model_.add_file(first_commit, entry.path().filename(), testing::read_file(entry.path()));
    }
    model_.add_reference("main", first_commit);
    const auto index =
        testing::Json::parse(testing::read_file(snapshot() / "model.safetensors.index.json"));
    shard_ = index.at("weight_map").at("model.embed_tokens.weight");
  }

  [[nodiscard]] fs::path cache() const { return directory_ / "hub"; }
  [[nodiscard]] const CachedModel& model() const { return model_; }
  [[nodiscard]] fs::path snapshot() const { return model_.snapshot(first_commit); }
  [[nodiscard]] fs::path operator/(const fs::path& name) const { return directory_ / name; }
  /// The file that holds the matrix.
  [[nodiscard]] const std::string& shard() const { return shard_; }

  /// Runs offline, with nothing else in the environment but the cache.
  [[nodiscard]] Outcome run(const std::vector<std::string>& arguments,
                            const std::function<void()>& in_child = {}) const {
    return testing::run_program(arguments, [this, &in_child] {
      ::clearenv();
      ::setenv("HF_HUB_CACHE", cache().c_str(), 1);
      ::setenv("HF_HUB_OFFLINE", "1", 1);
      if (in_child) in_child();
    });
  }
  void expect_refused(const std::string& name, std::initializer_list<std::string_view> parts,
                      const std::function<void()>& in_child = {}) const {
    const auto before = testing::snapshot(cache());
    testing::expect_refused(
        run({"--model", name, "--out", (directory_ / "out").string()}, in_child), 3, parts);
    EXPECT_FALSE(fs::exists(directory_ / "out"));
    EXPECT_EQ(testing::snapshot(cache()), before);
  }

 private:
  TemporaryDirectory directory_;
  CachedModel model_;
  std::string shard_;
};

TEST_F(CacheEndToEndTest, AnIdAndItsSnapshotGiveTheSameBytes) {
  const auto before = testing::snapshot(cache());
  expect_success(run({"--model", "Org/Name", "--out", (*this / "id").string()}));
  expect_success(run({"--model", snapshot().string(), "--out", (*this / "path").string()}));
  const OutputFiles of_id(*this / "id", "name");
  EXPECT_EQ(of_id.bytes(), OutputFiles(*this / "path", "name").bytes());
  const auto metadata = testing::read_saved(of_id.mu).header.at("__metadata__");
  EXPECT_EQ(metadata.at("model"), "Org/Name");
  EXPECT_EQ(metadata.at("revision"), first_commit);
  EXPECT_EQ(testing::snapshot(cache()), before);
}

TEST_F(CacheEndToEndTest, OneModelByItsIdAndByItsSnapshot) {
  expect_success(run({"--model", "Org/Name", "--out", (*this / "out").string()}));
  expect_success(run({"--model", snapshot().string(), "--out", (*this / "out").string()}));
}

TEST_F(CacheEndToEndTest, RevisionsAndAnotherCache) {
  fs::rename(cache(), *this / "elsewhere");
  const CachedModel model(*this / "elsewhere");
  model.add_reference("refs/pr/1", first_commit);
  model.add_reference("v1", second_commit);
  const std::string elsewhere = (*this / "elsewhere").string();
  for (const std::string revision : {"main", "refs/pr/1", first_commit}) {
    const Outcome outcome = run({"--model", "Org/Name", "--revision", revision, "--cache-dir",
                                 elsewhere, "--offline", "--json"});
    expect_success(outcome);
    EXPECT_EQ(testing::Json::parse(outcome.out).at("revision"), first_commit);
  }
  const auto expect_refused = [&](const std::string& revision, std::string_view part) {
    testing::expect_refused(run({"--model", "Org/Name", "--revision", revision, "--cache-dir",
                                 elsewhere, "--offline", "--json"}),
                            3, {revision, part, "offline"});
  };
  expect_refused("v1", second_commit);
  expect_refused("v2", "only main, refs/pr/1, v1");
  expect_refused(std::string(first_commit).substr(0, 7), "40 digits");
  expect_refused(second_commit, "commit");
  testing::expect_refused(run({"--model", "Org/Name", "--json"}), 3, {"does not exist"});
}

TEST_F(CacheEndToEndTest, ADirectoryOrAFileHasNoRevision) {
  testing::expect_refused(run({"--model", snapshot().string(), "--revision", "main", "--json"}), 2,
                          {"--revision"});
  testing::expect_refused(run({"--model", (snapshot() / shard()).string(), "--tensor",
                               "model.embed_tokens.weight", "--revision", "main", "--json"}),
                          2, {"--revision"});
}

TEST_F(CacheEndToEndTest, OnlyWhatIsNeededHasToBeThere) {
  for (const auto& entry : fs::directory_iterator(model().path() / "blobs")) {
    const fs::path& blob = entry.path();
    const bool needed = blob == model().blob(shard()) || blob == model().blob("config.json") ||
                        blob == model().blob("model.safetensors.index.json");
    if (!needed) fs::remove(blob);
  }
  // The client's mark for a file that the repo does not have.
  testing::write_file(model().path() / ".no_exist" / first_commit / "model.safetensors", "");
  expect_success(run({"--model", "Org/Name", "--json", "--quiet"}));
}

TEST_F(CacheEndToEndTest, AFileThatWasNotDownloaded) {
  fs::remove(snapshot() / shard());
  expect_refused("Org/Name", {shard(), "offline"});
}

TEST_F(CacheEndToEndTest, ADownloadThatWasBrokenOff) {
  const fs::path blob = model().blob(shard());
  fs::rename(blob, blob.string() + ".incomplete");
  expect_refused("Org/Name", {shard(), "which is missing"});
  fs::remove(snapshot() / shard());
  expect_refused("Org/Name", {shard(), "no such file"});
}

TEST_F(CacheEndToEndTest, ASnapshotWithoutWeights) {
  for (const auto& entry : fs::directory_iterator(snapshot())) {
    if (entry.path().filename() != "config.json") fs::remove(entry.path());
  }
  expect_refused("Org/Name", {"model.safetensors", "offline"});
}

TEST_F(CacheEndToEndTest, WhatIsNotThere) {
  expect_refused("Org/Other", {"Org/Other", cache().string(), "offline", "directory"});
  expect_refused("https://huggingface.co/Org/Name", {"give Org/Name"});
  model().add_reference("main", second_commit);
  expect_refused("Org/Name", {second_commit, "offline"});
  fs::remove(model().path() / "refs/main");
  expect_refused("Org/Name", {"main", "offline"});
}

TEST_F(CacheEndToEndTest, AReadOnlyCache) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may become somebody else";
  for (const auto& entry : fs::recursive_directory_iterator(cache())) {
    if (!entry.is_symlink()) {
      fs::permissions(entry.path(), fs::perms(entry.is_directory() ? 0555 : 0444));
    }
  }
  fs::permissions(cache(), fs::perms(0555));
  const auto before = testing::snapshot(cache());
  const Outcome outcome = run({"--model", "Org/Name", "--json", "--quiet"}, [] { become(nobody); });
  if (outcome.exit_code == 124) GTEST_SKIP() << "others may not run the program";
  expect_success(outcome);
  EXPECT_EQ(testing::snapshot(cache()), before);
}

TEST_F(CacheEndToEndTest, TheCacheOfTheHomeDirectory) {
  fs::create_directories(*this / "home/.cache/huggingface");
  fs::rename(cache(), *this / "home/.cache/huggingface/hub");
  const std::string home = (*this / "home").string();
  expect_success(run({"--model", "Org/Name", "--json", "--quiet"}, [&home] {
    ::setenv("HOME", home.c_str(), 1);
    ::setenv("HF_HUB_CACHE", "", 1);
  }));
}

TEST_F(CacheEndToEndTest, WithoutAHome) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may become somebody else";
  const auto without_home = [] {
    ::unsetenv("HF_HUB_CACHE");
    become(nameless);
  };
  const Outcome outcome = run({"--model", "Org/Name", "--json"}, without_home);
  if (outcome.exit_code == 124) GTEST_SKIP() << "others may not run the program";
  testing::expect_refused(outcome, 3, {"home directory", "HF_HOME", "--cache-dir"});
  // Whoever names the place needs none.
  expect_success(run({"--model", "Org/Name", "--json", "--quiet"}, [] { become(nameless); }));
  expect_success(run({"--model", snapshot().string(), "--json", "--quiet"}, without_home));
}

}  // namespace
}  // namespace gamma_extract
