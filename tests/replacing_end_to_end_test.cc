#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "extraction.h"

// Whose files a run replaces, and whose it leaves alone.

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::expect_refused;
using testing::expect_success;
using testing::Json;
using testing::Outcome;
using testing::OutputFiles;
using testing::read_file;
using testing::read_saved;
using testing::run_program;

const std::string commit(40, 'a');
const std::string later_commit(40, 'b');

class ReplacingEndToEndTest : public ::testing::Test {
 protected:
  [[nodiscard]] const testing::TemporaryDirectory& directory() const { return directory_; }
  [[nodiscard]] fs::path out() const { return directory_ / "out"; }

  [[nodiscard]] Outcome run(const fs::path& model,
                            const std::vector<std::string>& further = {}) const {
    std::vector<std::string> arguments{"--model", model.string(), "--out", out().string(), "-q"};
    arguments.insert(arguments.end(), further.begin(), further.end());
    return run_program(arguments);
  }

  /// A copy of a fixture, under a name of the test's choice.
  [[nodiscard]] fs::path copy(const std::string& fixture, const std::string& place) const {
    testing::copy_checkpoint(testing::checkpoint(fixture), directory_ / place);
    return directory_ / place;
  }

  /// A snapshot in a Hugging Face cache: links to blobs.
  [[nodiscard]] fs::path snapshot(const std::string& fixture, const std::string& revision) const {
    const fs::path repo = directory_ / "models--Org--Tiny-Model";
    const fs::path path = repo / "snapshots" / revision;
    fs::create_directories(path);
    fs::create_directories(repo / "blobs");
    for (const auto& entry : fs::directory_iterator(testing::checkpoint(fixture))) {
      const std::string blob = testing::sha256_of(read_file(entry.path()));
      fs::copy_file(entry.path(), repo / "blobs" / blob, fs::copy_options::skip_existing);
      fs::create_symlink("../../blobs/" + blob, path / entry.path().filename());
    }
    return path;
  }

 private:
  testing::TemporaryDirectory directory_;
};

TEST_F(ReplacingEndToEndTest, SameModelIsReplaced) {
  const fs::path model = copy("llama-untied-f32", "model");
  const OutputFiles files(out(), "model");
  expect_success(run(model));
  const std::string first = files.bytes();
  // A file of a killed run that is only half of its set is repaired.
  fs::remove(files.gamma);
  expect_success(run(model));
  EXPECT_TRUE(files.bytes() == first);
  EXPECT_EQ(testing::count_entries(out()), 3U);
}

TEST_F(ReplacingEndToEndTest, SameNameWithOtherValuesNeedsForce) {
  expect_success(run(copy("llama-untied-f32", "a/model")));
  const OutputFiles files(out(), "model");
  const std::string first = files.bytes();
  const fs::path other = copy("qwen2-untied-bf16", "b/model");
  expect_refused(run(other), 4, {files.gamma.string(), "mu_sha256", "--force"});
  EXPECT_TRUE(files.bytes() == first);
  EXPECT_EQ(testing::count_entries(out()), 3U);

  expect_success(run(other, {"--force"}));
  EXPECT_EQ(read_saved(files.gamma).header.at("__metadata__").at("source_dtype"), "BF16");
  EXPECT_EQ(testing::count_entries(out()), 3U);
}

TEST_F(ReplacingEndToEndTest, AnotherModelNeedsForce) {
  expect_success(run(copy("llama-untied-f32", "first")));
  const OutputFiles files(out(), "first");
  const std::string first = files.bytes();
  // Of the three names only the centroid's is the same.
  const fs::path second = copy("llama-untied-f32", "second");
  expect_refused(run(second), 4, {files.mu.string(), "first", "second", "--force"});
  EXPECT_TRUE(files.bytes() == first);
  EXPECT_EQ(testing::count_entries(out()), 3U);
  expect_success(run(second, {"-f"}));
  EXPECT_EQ(testing::count_entries(out()), 5U);
}

// The matrix itself would be refused (3), after all of it was read.
TEST_F(ReplacingEndToEndTest, AnotherModelIsRefusedBeforeTheMatrixIsRead) {
  const fs::path broken = fs::path(TEST_DATA) / "hostile/nan.safetensors";
  expect_refused(run(broken, {"--tensor", "w"}), 3, {"NaN"});
  expect_success(run(copy("llama-untied-f32", "first")));
  expect_refused(run(broken, {"--tensor", "w"}), 4, {"first", "nan", "--force"});
}

TEST_F(ReplacingEndToEndTest, FilesWithoutMetadataNeedForce) {
  const fs::path model = copy("llama-untied-f32", "model");
  const OutputFiles files(out(), "model");
  expect_success(run(model, {"--no-metadata"}));
  const std::string first = files.bytes();
  expect_refused(run(model), 4, {files.gamma.string(), "without metadata", "--force"});
  EXPECT_TRUE(files.bytes() == first);
  expect_success(run(model, {"--force"}));
  EXPECT_FALSE(files.bytes() == first);
}

TEST_F(ReplacingEndToEndTest, SnapshotIsNamedForItsRepoAndReplacesAnotherRevision) {
  const Outcome outcome = run(snapshot("llama-untied-f32", commit), {"--json"});
  expect_success(outcome);
  const OutputFiles files(out(), "tiny_model");
  const Json report = Json::parse(outcome.out);
  EXPECT_EQ(report.at("model"), "Org/Tiny-Model");
  EXPECT_EQ(report.at("revision"), commit);
  const Json metadata = read_saved(files.mu).header.at("__metadata__");
  EXPECT_EQ(metadata.at("model"), "Org/Tiny-Model");
  EXPECT_EQ(metadata.at("revision"), commit);
  EXPECT_EQ(std::next(metadata.begin(), 2).key(), "revision");  // after format and model

  // With other values: an id stands for one model, so no --force is asked for.
  expect_success(run(snapshot("qwen2-untied-bf16", later_commit)));
  EXPECT_EQ(read_saved(files.mu).header.at("__metadata__").at("revision"), later_commit);
  EXPECT_EQ(testing::count_entries(out()), 3U);
}

TEST_F(ReplacingEndToEndTest, InputIsNeverReplaced) {
  fs::create_directory(out());
  const fs::path model = out() / "gamma_x.safetensors";
  fs::copy_file(std::string(TEST_DATA) + "/hostile/ties.safetensors", model);
  const std::string before = read_file(model);
  for (const std::string force : {"-q", "--force"}) {
    expect_refused(run(model, {"--tensor", "w", "--name", "x", force}), 4,
                   {model.string(), "of the model itself", "--name"});
    EXPECT_EQ(read_file(model), before);
    EXPECT_EQ(testing::count_entries(out()), 1U);
  }
}

TEST_F(ReplacingEndToEndTest, LinkIsReplacedAndItsTargetIsNot) {
  const fs::path target = directory() / "target";
  testing::write_file(target, "precious");
  fs::create_directory(out());
  const OutputFiles files(out(), "model");
  fs::create_symlink(target, files.gamma);
  const fs::path model = copy("llama-untied-f32", "model");
  expect_refused(run(model), 4, {files.gamma.string()});
  expect_success(run(model, {"--force"}));
  EXPECT_FALSE(fs::is_symlink(files.gamma));
  EXPECT_EQ(read_file(target), "precious");
}

}  // namespace
}  // namespace gamma_extract
