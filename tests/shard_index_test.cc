#include "shard_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "expect_fault.h"

namespace gamma_extract {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

WeightMap parse(std::string_view text) {
  return parse_shard_index(text, "model.safetensors.index.json");
}

WeightMap parse_shard(const std::string& shard) {
  return parse(R"({"weight_map": {"a": ")" + shard + R"("}})");
}

TEST(ShardIndexTest, MapsTensorsToShards) {
  EXPECT_THAT(parse(R"({"metadata": {"total_size": "wrong"}, "weight_map": {"b": "2", "a": "1"}})"),
              ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_THAT(parse(R"({"weight_map": {}})"), IsEmpty());
}

TEST(ShardIndexTest, NotJsonOrNotAnObject) {
  for (const char* text : {"", "{", "[]", "{\"weight_map\": {}} x", "{\"weight_map\": NaN}"}) {
    EXPECT_FAULT(parse(text), index_invalid);
  }
}

TEST(ShardIndexTest, TheWeightMapIsRequired) {
  EXPECT_FAULT(parse("{}"), index_invalid);
  EXPECT_FAULT(parse(R"({"metadata": {}})"), index_invalid);
  EXPECT_FAULT(parse(R"({"weight_map": ["a"]})"), index_invalid);
  EXPECT_FAULT(parse(R"({"weight_map": null})"), index_invalid);
}

TEST(ShardIndexTest, ShardsAreStrings) {
  EXPECT_FAULT(parse(R"({"weight_map": {"a": 1}})"), index_invalid);
  EXPECT_FAULT(parse(R"({"weight_map": {"a": null}})"), index_invalid);
  EXPECT_FAULT(parse(R"({"weight_map": {"a": {"b": "c"}}})"), index_invalid);
}

TEST(ShardIndexTest, RepeatedKeysAreRefused) {
  EXPECT_FAULT(parse(R"({"weight_map": {"a": "1", "a": "2"}})"), index_invalid);
  EXPECT_FAULT(parse(R"({"weight_map": {"a": "1", "\u0061": "1"}})"), index_invalid);
  EXPECT_FAULT(parse(R"({"weight_map": {}, "weight_map": {"a": "1"}})"), index_invalid);
  EXPECT_NO_THROW(parse(R"({"metadata": {"a": "1"}, "weight_map": {"a": "1", "b": "1"}})"));
}

TEST(ShardIndexTest, ShardsStayInsideTheDirectory) {
  for (const char* shard : {"", "/etc/passwd", "..", "../x", "a/../b", "a/..", "a/b/../../..",
                            "//x", R"(..\\x)", R"(a\\b)", R"(C:\\x)", R"(x\u0000.safetensors)"}) {
    EXPECT_FAULT(parse_shard(shard), index_escapes);
  }
}

TEST(ShardIndexTest, DotsInNamesAreNoEscape) {
  for (const char* shard : {"a..b", "..a", "a..", "sub/x.safetensors", "...", "./x"}) {
    EXPECT_NO_THROW(parse_shard(shard)) << shard;
  }
}

}  // namespace
}  // namespace gamma_extract
