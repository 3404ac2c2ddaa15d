#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gamma_extract/error.h"
#include "gamma_extract/families.h"
#include "gamma_extract/unembedding.h"
#include "safetensors_file.h"
#include "temporary_directory.h"

// Tiny checkpoints of every family, saved by transformers, against what transformers takes when it
// loads them (tests/oracles/make_families.py).

namespace gamma_extract {
namespace {

using testing::TemporaryDirectory;
using Json = nlohmann::ordered_json;

const std::filesystem::path data = std::filesystem::path(TEST_DATA) / "families";

struct Fixture {
  std::string name;
  Json expected;

  [[nodiscard]] std::filesystem::path path() const { return data / name; }
  [[nodiscard]] bool is_saved_tied() const { return name.ends_with("-tied"); }
};

void PrintTo(const Fixture& fixture, std::ostream* stream) {
  *stream << fixture.name;
}

std::vector<Fixture> fixtures() {
  std::vector<Fixture> result;
  const Json all = Json::parse(testing::read_file(data / "expected.json"));
  for (const auto& [name, expected] : all.items()) {
    result.push_back({.name = name, .expected = expected});
  }
  return result;
}

std::string test_name(const ::testing::TestParamInfo<Fixture>& info) {
  std::string name = info.param.name;
  std::ranges::replace_if(
      name, [](char letter) { return letter == '-' || letter == '.'; }, '_');
  return name;
}

std::string sha256_of(std::span<const std::byte> bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

std::string bias_of(const OutputScaling& scaling) {
  for (const auto& [name, value] : scaling) {
    if (name == "bias") return std::get<std::string>(value);
  }
  return "";
}

class FamilyFixtureTest : public ::testing::TestWithParam<Fixture> {};

TEST_P(FamilyFixtureTest, IsTakenAsTransformersTakesIt) {
  const Json& expected = GetParam().expected;
  const Checkpoint checkpoint(GetParam().path());
  const Choice choice = choose_unembedding(checkpoint, std::nullopt);
  EXPECT_EQ(Json(choice.tensor), expected.at("tensor"));
  EXPECT_EQ(Json(choice.tied), expected.at("tied"));
  EXPECT_FALSE(choice.compare_with && !GetParam().is_saved_tied());

  const auto shard = checkpoint.open_shard(choice.tensor);
  const StoredMatrix matrix = stored_matrix(*shard, choice.tensor);
  EXPECT_EQ(Json(matrix.tensor.shape), expected.at("shape"));
  std::vector<std::byte> bytes(matrix.tensor.bytes);
  shard->source->read_at(matrix.tensor.offset, bytes);
  EXPECT_EQ(Json(sha256_of(bytes)), expected.at("data_sha256"));

  // reformer's head reads two streams, kyutai's embedding has audio codes as well.
  if (GetParam().name.starts_with("reformer") || GetParam().name.starts_with("kyutai")) return;
  for (const std::string& warning : shape_warnings(checkpoint.config(), matrix)) {
    ADD_FAILURE() << warning;
  }
}

TEST_P(FamilyFixtureTest, ItsBiasIsRecorded) {
  const Checkpoint checkpoint(GetParam().path());
  const std::string bias = bias_of(choose_unembedding(checkpoint, std::nullopt).output_scaling);
  const Json expected = GetParam().expected.value("bias", Json());
  if (!expected.is_null()) {
    EXPECT_EQ(Json(bias), expected);
  } else if (checkpoint.has("final_logits_bias")) {  // outside the module of the head
    EXPECT_EQ(bias, "final_logits_bias");
  } else {
    EXPECT_EQ(bias, "");
  }
}

INSTANTIATE_TEST_SUITE_P(Every, FamilyFixtureTest, ::testing::ValuesIn(fixtures()), test_name);

/// A fixture whose head is left out, and whose flags are set.
class Headless {
 public:
  explicit Headless(const Fixture& fixture)
      : expected_(fixture.expected.at("without_head")),
        config_(Json::parse(testing::read_file(fixture.path() / "config.json"))) {
    const Checkpoint checkpoint(fixture.path());
    std::vector<testing::ZeroTensor> tensors;
    for (const std::string_view name : checkpoint.names()) {
      if (Json(name) != expected_.at("dropped")) tensors.push_back({std::string(name)});
    }
    write_safetensors(directory_ / "model.safetensors", tensors);
  }

  /// `flags` as in expected.json: "absent", "true false", the outer one first.
  [[nodiscard]] Checkpoint with_flags(std::string_view flags) {
    std::vector<Json*> nodes = {&config_};
    for (const auto& key : expected_.at("text_config")) {
      nodes.push_back(&nodes.back()->at(key.get<std::string>()));
    }
    for (Json* node : nodes) {
      const std::string_view flag = flags.substr(0, flags.find(' '));
      flags.remove_prefix(std::min(flags.size(), flag.size() + 1));
      node->erase("tie_word_embeddings");
      if (flag != "absent") (*node)["tie_word_embeddings"] = flag == "true";
    }
    testing::write_file(directory_ / "config.json", config_.dump());
    return Checkpoint(directory_.path());
  }

 private:
  TemporaryDirectory directory_;
  const Json& expected_;
  Json config_;
};

class HeadlessFamilyFixtureTest : public ::testing::TestWithParam<Fixture> {};

TEST_P(HeadlessFamilyFixtureTest, TheFlagsAndDefaultsDecide) {
  Headless headless(GetParam());
  for (const auto& [flags, taken] : GetParam().expected.at("without_head").at("taken").items()) {
    SCOPED_TRACE(flags);
    const Checkpoint checkpoint = headless.with_flags(flags);
    try {
      const Choice choice = choose_unembedding(checkpoint, std::nullopt);
      EXPECT_EQ(Json(choice.tensor), taken) << choice.reason;
      EXPECT_TRUE(choice.tied);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::tensor_not_tied);
      EXPECT_TRUE(taken.is_null()) << error.what();
    }
  }
}

std::vector<Fixture> with_flags() {
  std::vector<Fixture> all = fixtures();
  std::erase_if(all, [](const Fixture& each) { return !each.expected.contains("without_head"); });
  return all;
}

INSTANTIATE_TEST_SUITE_P(Every, HeadlessFamilyFixtureTest, ::testing::ValuesIn(with_flags()),
                         test_name);

TEST(FamilyFixturesTest, EveryLineOfTheTableHasOneSavedTiedAndOneNot) {
  std::set<const Family*> tied;
  std::set<const Family*> untied;
  for (const Fixture& fixture : fixtures()) {
    const Json config = Json::parse(testing::read_file(fixture.path() / "config.json"));
    const Family* family = find_family(config.at("model_type").get<std::string>());
    ASSERT_NE(family, nullptr) << fixture.name;
    (fixture.is_saved_tied() ? tied : untied).insert(family);
  }
  for (const Family& family : families()) {
    const std::string_view type = family.model_types.front();
    EXPECT_TRUE(untied.contains(&family)) << type;
    // transformers refuses a config of dbrx with the flag.
    if (type != "dbrx") {
      EXPECT_TRUE(tied.contains(&family)) << type;
    }
  }
}

}  // namespace
}  // namespace gamma_extract
