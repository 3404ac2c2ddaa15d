#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "extraction.h"

// What is refused before any work: a wrong command line (2), and an input that is not there, not
// readable, or not what it says (3).

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::expect_refused;
using testing::Json;
using testing::Outcome;
using testing::run_program;
using testing::TemporaryDirectory;

constexpr const char* index_file = "model.safetensors.index.json";

TEST(UsageEndToEndTest, HelpGoesToStandardOutput) {
  const Outcome outcome = run_program({"--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.out.find("--model"), std::string::npos);
  EXPECT_EQ(outcome.err, "");
}

TEST(UsageEndToEndTest, MistypedOptionIsSuggested) {
  expect_refused(run_program({"--modle", "x", "--out", "y"}), 2, {"--modle", "--model"});
  expect_refused(run_program({"--model", "x", "--out", "y", "--dtype", "sorce"}), 2, {"source"});
}

TEST(UsageEndToEndTest, MissingValuesAndOptionsAreNamed) {
  expect_refused(run_program({}), 2, {"--model"});
  expect_refused(run_program({"--model", "x"}), 2, {"--out", "--json"});
  expect_refused(run_program({"--model", "--out", "y"}), 2, {"--model"});
  expect_refused(run_program({"--model", "x", "--out", "y", "--threads", "0"}), 2, {"--threads"});
}

TEST(UsageEndToEndTest, FileNeedsATensor) {
  const std::string model = std::string(TEST_DATA) + "/hostile/ties.safetensors";
  expect_refused(run_program({"--model", model, "--json"}), 2, {model, "--tensor"});
  // One that is not valid is as little named.
  const std::string broken = std::string(TEST_DATA) + "/hostile/expected.json";
  expect_refused(run_program({"--model", broken, "--json"}), 2, {broken, "give its directory"});
  const TemporaryDirectory directory;
  const std::string empty = (directory / "model.safetensors").string();
  testing::write_file(empty, "");
  expect_refused(run_program({"--model", empty, "--json"}), 2,
                 {empty, "--tensor", "the directory of the checkpoint"});
  expect_refused(run_program({"--model", empty, "--tensor", "a", "--json"}), 3, {empty});
}

TEST(UsageEndToEndTest, LabelThatIsAnotherFilesNameNeedsAName) {
  const TemporaryDirectory directory;
  for (const std::string name : {"centroid_mu", "covariance", "centered_x", "Not-A-Slug"}) {
    expect_refused(run_program({"--model", testing::checkpoint("llama-untied-f32").string(),
                                "--out", (directory / "out").string(), "--name", name}),
                   2, {name, "--name"});
  }
  EXPECT_FALSE(fs::exists(directory / "out"));
}

TEST(MissingModelEndToEndTest, NothingIsCreated) {
  const TemporaryDirectory directory;
  const std::string missing = (directory / "nothing").string();
  const std::string out = (directory / "out").string();
  expect_refused(run_program({"--model", missing, "--out", out}), 3, {missing, "no such file"});
  EXPECT_FALSE(fs::exists(out));
}

/// A sharded checkpoint that a test may spoil.
class SpoiledCheckpointEndToEndTest : public ::testing::Test {
 protected:
  SpoiledCheckpointEndToEndTest() {
    testing::copy_checkpoint(testing::checkpoint("llama-tied-bf16-sharded"), model());
    fs::permissions(directory_.path(), fs::perms(0755));  // others may look in
    const Json index = Json::parse(testing::read_file(model() / index_file));
    shard_ = model() / index.at("weight_map").at("model.embed_tokens.weight").get<std::string>();
  }

  void expect_refused(std::initializer_list<std::string_view> parts,
                      const std::function<void()>& in_child = {}) const {
    const Outcome outcome = run_program(
        {"--model", model().string(), "--out", (directory_ / "out").string()}, in_child);
    testing::expect_refused(outcome, 3, parts);
    EXPECT_FALSE(fs::exists(directory_ / "out"));
  }
  [[nodiscard]] fs::path model() const { return directory_ / "model"; }
  /// The shard that holds the matrix.
  [[nodiscard]] const fs::path& shard() const { return shard_; }
  [[nodiscard]] std::string shard_name() const { return shard_.filename().string(); }

 private:
  TemporaryDirectory directory_;
  fs::path shard_;
};

TEST_F(SpoiledCheckpointEndToEndTest, TruncatedShard) {
  fs::resize_file(shard(), fs::file_size(shard()) - 1);
  expect_refused({shard_name(), "1 too few"});
}

TEST_F(SpoiledCheckpointEndToEndTest, BytesAfterTheLastTensor) {
  fs::resize_file(shard(), fs::file_size(shard()) + 3);
  expect_refused({shard_name(), "3 too many"});
}

TEST_F(SpoiledCheckpointEndToEndTest, MissingShard) {
  fs::remove(shard());
  expect_refused({shard_name(), "model.embed_tokens.weight"});
}

TEST_F(SpoiledCheckpointEndToEndTest, DanglingLink) {
  fs::remove(shard());
  fs::create_symlink("../blobs/gone", shard());
  expect_refused({shard_name(), "../blobs/gone"});
}

TEST_F(SpoiledCheckpointEndToEndTest, IndexThatLeavesTheDirectory) {
  // The file that it leads to is there and whole: only the text of the index decides.
  fs::rename(shard(), model().parent_path() / "elsewhere.safetensors");
  Json index = Json::parse(testing::read_file(model() / index_file));
  for (auto& file : index.at("weight_map")) {
    if (file == shard_name()) file = "../elsewhere.safetensors";
  }
  testing::write_file(model() / index_file, index.dump());
  expect_refused({index_file, "../elsewhere.safetensors"});
}

TEST_F(SpoiledCheckpointEndToEndTest, UnreadableShard) {
  fs::permissions(shard(), fs::perms::none);
  expect_refused({shard_name(), "Permission denied"}, [] {
    constexpr uid_t nobody = 65534;
    // Nothing is unreadable for root.
    if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(125);
    // Where others may not run the program itself, there is nothing to see.
    if (::access(testing::program_path, X_OK) != 0) ::_exit(124);
  });
}

TEST_F(SpoiledCheckpointEndToEndTest, UnknownModelTypeNamesWhatCouldBeMeant) {
  testing::write_file(model() / "config.json", R"({"model_type":"brand_new"})");
  expect_refused({"brand_new", "--tensor", "model.embed_tokens.weight"});
}

TEST_F(SpoiledCheckpointEndToEndTest, MissingTensorIsSuggested) {
  const Outcome outcome =
      run_program({"--model", model().string(), "--json", "--tensor", "model.embed_token.weight"});
  testing::expect_refused(outcome, 3, {"model.embed_token.weight", "model.embed_tokens.weight"});
}

}  // namespace
}  // namespace gamma_extract
