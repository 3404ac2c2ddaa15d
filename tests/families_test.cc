#include "gamma_extract/families.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string_view>

namespace gamma_extract {
namespace {

TEST(FamiliesTest, EachModelTypeIsInOneFamily) {
  std::set<std::string_view> seen;
  for (const Family& family : families()) {
    ASSERT_FALSE(family.model_types.empty());
    for (const std::string_view type : family.model_types) {
      EXPECT_TRUE(seen.insert(type).second) << type;
      EXPECT_EQ(find_family(type), &family) << type;
    }
  }
  EXPECT_EQ(find_family("Qwen3"), nullptr);
  EXPECT_EQ(find_family(""), nullptr);
}

TEST(FamiliesTest, EachFamilyIsALineOfItsOwn) {
  for (const Family& left : families()) {
    EXPECT_FALSE(left.heads.empty()) << left.model_types.front();
    EXPECT_FALSE(left.embeddings.empty()) << left.model_types.front();
    for (const Family& right : families()) {
      if (&left == &right) continue;
      EXPECT_FALSE(left.heads == right.heads && left.embeddings == right.embeddings &&
                   left.flag == right.flag && left.tied_by_default == right.tied_by_default)
          << left.model_types.front() << " and " << right.model_types.front();
    }
  }
}

TEST(FamiliesTest, TheTypesOfALineAreSortedButForTheFirst) {
  for (const Family& family : families()) {
    EXPECT_TRUE(std::is_sorted(family.model_types.begin() + 1, family.model_types.end()))
        << family.model_types.front();
  }
}

TEST(FamiliesTest, KnowsEncoders) {
  for (const char* type : {"bert", "roberta", "distilbert", "mpnet"}) EXPECT_TRUE(is_encoder(type));
  for (const char* type : {"qwen3", "t5", "opt"}) EXPECT_FALSE(is_encoder(type));
}

}  // namespace
}  // namespace gamma_extract
