// What a run does not need, it does not open: whatever is wrong with that is no error.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "extraction.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::expect_refused;
using testing::expect_success;
using testing::Json;
using testing::OutputFiles;
using testing::run_program;

class NeededInputTest : public ::testing::Test {
 protected:
  NeededInputTest() {
    const fs::path whole = testing::checkpoint("llama-tied-bf16-sharded");
    testing::copy_checkpoint(whole, model_);
    expect_success(run({}));
    expected_ = OutputFiles(directory_ / "out", "model").bytes();
    const Json index = Json::parse(testing::read_file(model_ / "model.safetensors.index.json"));
    needed_ = model_ / index.at("weight_map").at("model.embed_tokens.weight").get<std::string>();
    for (const auto& entry : fs::directory_iterator(model_)) {
      if (entry.path().extension() == ".safetensors" && entry.path() != needed_) {
        others_.push_back(entry.path());
      }
    }
  }

  [[nodiscard]] testing::Outcome run(const std::vector<std::string>& further) const {
    std::vector<std::string> arguments{"--model", model_, "--out", directory_ / "out", "-q"};
    arguments.insert(arguments.end(), further.begin(), further.end());
    return run_program(arguments);
  }

  void expect_same(const std::vector<std::string>& further = {}) const {
    expect_success(run(further));
    EXPECT_TRUE(OutputFiles(directory_ / "out", "model").bytes() == expected_);
  }

  testing::TemporaryDirectory directory_;
  fs::path model_ = directory_ / "model";
  fs::path needed_;
  std::vector<fs::path> others_;

 private:
  std::string expected_;
};

TEST_F(NeededInputTest, OtherShardsMayBeDamagedOrMissing) {
  ASSERT_FALSE(others_.empty());
  for (const auto& shard : others_) fs::resize_file(shard, 3);
  expect_same();
  for (const auto& shard : others_) testing::write_file(shard, std::string(100, '\xff'));
  expect_same();
  for (const auto& shard : others_) fs::remove(shard);
  expect_same();
  // The one that holds the matrix may not.
  fs::resize_file(needed_, fs::file_size(needed_) - 1);
  expect_refused(run({}), 3, {needed_.string()});
}

// Whoever opened these pipes would wait for ever.
TEST_F(NeededInputTest, OtherShardsAreNotOpened) {
  for (const auto& shard : others_) {
    fs::remove(shard);
    ASSERT_EQ(::mkfifo(shard.c_str(), 0600), 0);
  }
  expect_same();
}

TEST_F(NeededInputTest, NoConfigIsNeededForATensorThatIsNamed) {
  fs::remove(model_ / "config.json");
  expect_refused(run({}), 3, {"config.json", "--tensor"});
  expect_same({"--tensor", "model.embed_tokens.weight"});
  testing::write_file(model_ / "config.json", "{");
  expect_same({"--tensor", "model.embed_tokens.weight"});
}

}  // namespace
}  // namespace gamma_extract
