// One matrix from several places: the same files.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "extraction.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::expect_success;
using testing::Json;
using testing::OutputFiles;
using testing::read_saved;
using testing::run_program;
using testing::SavedFile;

constexpr const char* tensor = "lm_head.weight";
const std::string commit(40, 'a');

class SourcesEndToEndTest : public ::testing::Test {
 protected:
  /// The gamma, mu and centered files of a run on `model`.
  std::vector<SavedFile> extract(const fs::path& model,
                                 const std::vector<std::string>& further = {}) {
    const fs::path out = directory_ / ("out" + std::to_string(++runs_));
    std::vector<std::string> arguments{"--model", model, "--out", out, "-q", "--name", "same"};
    arguments.insert(arguments.end(), further.begin(), further.end());
    const testing::Outcome outcome = run_program(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    std::vector<SavedFile> files;
    for (const auto& path : OutputFiles(out, "same").all()) files.push_back(read_saved(path));
    return files;
  }

  /// The index that makes one shard of a checkpoint's only file.
  void write_sharded(const fs::path& directory) const {
    testing::copy_checkpoint(whole_, directory);
    const fs::path shard = directory / "model-00001-of-00001.safetensors";
    fs::rename(directory / "model.safetensors", shard);
    const Json index = {{"weight_map", {{tensor, shard.filename().string()}}}};
    testing::write_file(directory / "model.safetensors.index.json", index.dump());
  }

  testing::TemporaryDirectory directory_;
  fs::path whole_ = testing::checkpoint("llama-untied-f32");

 private:
  int runs_ = 0;
};

void expect_same(const std::vector<SavedFile>& actual, const std::vector<SavedFile>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(actual[i].data == expected[i].data) << i;
    Json metadata = actual[i].header.at("__metadata__");
    Json expected_metadata = expected[i].header.at("__metadata__");
    for (const char* key : {"model", "revision", "tensor", "version"}) {
      metadata.erase(key);
      expected_metadata.erase(key);
    }
    EXPECT_EQ(metadata.dump(), expected_metadata.dump()) << i;
  }
}

TEST_F(SourcesEndToEndTest, GiveTheSameDataAndMetadata) {
  const std::vector<SavedFile> expected = extract(whole_);
  expect_same(extract(whole_ / "model.safetensors", {"--tensor", tensor}), expected);

  write_sharded(directory_ / "sharded");
  expect_same(extract(directory_ / "sharded"), expected);

  const fs::path snapshot = directory_ / "models--Org--Name" / "snapshots" / commit;
  testing::copy_checkpoint(whole_, snapshot);
  const std::vector<SavedFile> of_snapshot = extract(snapshot);
  EXPECT_EQ(of_snapshot[0].header.at("__metadata__").at("revision"), commit);
  expect_same(of_snapshot, expected);
}

TEST_F(SourcesEndToEndTest, APathComesBeforeAHubId) {
  testing::copy_checkpoint(whole_, directory_ / "Org" / "Name");
  const testing::Outcome outcome = run_program({"--model", "Org/Name", "--json"}, [this] {
    if (::chdir(directory_.path().c_str()) != 0) ::_exit(126);
  });
  expect_success(outcome);
  EXPECT_EQ(Json::parse(outcome.out).at("model"), "Name");
}

TEST_F(SourcesEndToEndTest, WidenedToFloat32TheyGiveTheSameMuAndCentered) {
  for (const std::string name : {"qwen2-untied-bf16", "mistral-untied-f16-sharded"}) {
    const fs::path stored = testing::checkpoint(name);
    const std::vector<SavedFile> expected = extract(stored);
    const OutputFiles files(directory_ / "widened", "x");
    expect_success(run_program(
        {"--model", stored, "--out", directory_ / "widened", "--name", "x", "-q", "--force"}));
    const std::vector<SavedFile> again = extract(files.gamma, {"--tensor", "gamma"});
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(again[i].data == expected[i].data) << name << i;
    }
  }
}

std::vector<std::uint32_t> words_of(const SavedFile& file) {
  std::vector<std::uint32_t> words(file.data.size() / sizeof(std::uint32_t));
  std::memcpy(words.data(), file.data.data(), words.size() * sizeof(std::uint32_t));
  return words;
}

// Stored NaNs have payloads and signs; torch's own is 0x7fc00000.
TEST_F(SourcesEndToEndTest, StoredNansAreKeptByDtypeSourceAlone) {
  const fs::path model = fs::path(TEST_DATA) / "hostile" / "nan.safetensors";
  const SavedFile stored = read_saved(model);
  const auto kept = extract(model, {"--tensor", "w", "--allow-nonfinite", "--dtype", "source"});
  EXPECT_TRUE(kept[0].data == stored.data);

  const auto widened = extract(model, {"--tensor", "w", "--allow-nonfinite"});
  int changed = 0;
  const std::vector<std::uint32_t> after = words_of(widened[0]);
  const std::vector<std::uint32_t> before = words_of(stored);
  for (std::size_t i = 0; i < after.size(); ++i) {
    const bool is_nan = (before[i] & 0x7fffffffU) > 0x7f800000U;
    EXPECT_EQ(after[i], is_nan ? 0x7fc00000U : before[i]) << i;
    changed += after[i] == before[i] ? 0 : 1;
  }
  EXPECT_GT(changed, 0);
}

}  // namespace
}  // namespace gamma_extract
