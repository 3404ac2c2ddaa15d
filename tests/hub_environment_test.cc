#include "gamma_extract/hub_environment.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "environment.h"
#include "expect_fault.h"

namespace gamma_extract {
namespace {

using testing::environment;
using testing::Words;

std::string cache_of(Words variables, const Words& homes = {}) {
  variables.emplace("HOME", "/home/a");
  return hub_cache(environment(variables, homes)).string();
}

TEST(HubCacheTest, TheFirstVariableThatIsSetDecides) {
  Words variables;
  EXPECT_EQ(cache_of(variables), "/home/a/.cache/huggingface/hub");
  variables["XDG_CACHE_HOME"] = "/xdg";
  EXPECT_EQ(cache_of(variables), "/xdg/huggingface/hub");
  variables["HF_HOME"] = "/hf";
  EXPECT_EQ(cache_of(variables), "/hf/hub");
  variables["HUGGINGFACE_HUB_CACHE"] = "/old";
  EXPECT_EQ(cache_of(variables), "/old");
  variables["HF_HUB_CACHE"] = "/new";
  EXPECT_EQ(cache_of(variables), "/new");
}

TEST(HubCacheTest, AnEmptyVariableIsUnset) {
  EXPECT_EQ(cache_of({{"HF_HUB_CACHE", ""},
                      {"HUGGINGFACE_HUB_CACHE", ""},
                      {"HF_HOME", ""},
                      {"XDG_CACHE_HOME", ""}}),
            "/home/a/.cache/huggingface/hub");
}

TEST(HubCacheTest, HomeIsExpandedInEach) {
  EXPECT_EQ(cache_of({{"HF_HUB_CACHE", "~/x"}}), "/home/a/x");
  EXPECT_EQ(cache_of({{"HUGGINGFACE_HUB_CACHE", "~/x"}}), "/home/a/x");
  EXPECT_EQ(cache_of({{"HF_HOME", "~/x"}}), "/home/a/x/hub");
  EXPECT_EQ(cache_of({{"XDG_CACHE_HOME", "~/x"}}), "/home/a/x/huggingface/hub");
  EXPECT_EQ(cache_of({{"HF_HOME", "~"}}), "/home/a/hub");
  EXPECT_EQ(cache_of({{"HF_HOME", "/x/~"}}), "/x/~/hub");
  EXPECT_EQ(cache_of({{"HOME", "/home/a/"}}), "/home/a/.cache/huggingface/hub");
  EXPECT_EQ(cache_of({{"HOME", "/"}, {"HF_HUB_CACHE", "~"}}), "/");
}

TEST(HubCacheTest, VariablesAreExpandedInEach) {
  const Words base{{"A", "/a"}, {"A_2", "b"}, {"EMPTY", ""}, {"AGAIN", "$A"}};
  const auto expanded = [&base](const char* name, const std::string& value) {
    Words variables = base;
    variables[name] = value;
    return cache_of(variables);
  };
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    EXPECT_EQ(expanded(name, "$A/${A_2}c"), "/a/bc");
    EXPECT_EQ(expanded(name, "/x$A_2/$EMPTY"), "/xb/");
  }
  EXPECT_EQ(expanded("HF_HOME", "$A"), "/a/hub");
  EXPECT_EQ(expanded("XDG_CACHE_HOME", "$A"), "/a/huggingface/hub");
  EXPECT_EQ(expanded("HF_HUB_CACHE", "~/$A_2"), "/home/a/b");
  EXPECT_EQ(expanded("HF_HUB_CACHE", "$AGAIN"), "$A");
}

TEST(HubCacheTest, WhatIsNoVariableStays) {
  for (const char* path :
       {"/$UNSET/x", "/${UNSET}/x", "/$", "/$/x", "/$-x", "/${", "/${A", "/${}"}) {
    EXPECT_EQ(cache_of({{"HF_HUB_CACHE", path}, {"A", "a"}}), path);
  }
}

TEST(HubCacheTest, HomesOfUsersComeFromThePasswordDatabase) {
  const Words homes{{"", "/home/me"}, {"b", "/home/b"}};
  EXPECT_EQ(cache_of({{"HF_HOME", "~b/x"}}, homes), "/home/b/x/hub");
  EXPECT_EQ(cache_of({{"HF_HOME", "~b"}}, homes), "/home/b/hub");
  EXPECT_EQ(cache_of({{"HF_HOME", "~nobody/x"}}, homes), "~nobody/x/hub");
  EXPECT_EQ(hub_cache(environment({}, homes)), "/home/me/.cache/huggingface/hub");
  EXPECT_EQ(hub_cache(environment({{"HOME", ""}}, homes)), "/home/me/.cache/huggingface/hub");
}

TEST(HubCacheTest, WithoutAHomeItHasToBeSaid) {
  EXPECT_FAULT(hub_cache(environment({})), home_unknown);
  EXPECT_FAULT(hub_cache(environment({{"HF_HOME", "~/x"}})), home_unknown);
  EXPECT_EQ(hub_cache(environment({{"HF_HOME", "/x"}})), "/x/hub");
}

TEST(HubCacheTest, TheProcessAnswers) {
  const Environment process = process_environment();
  const struct passwd* me = ::getpwuid(::getuid());
  ASSERT_NE(me, nullptr);
  EXPECT_EQ(process.home(""), me->pw_dir);
  EXPECT_EQ(process.home(me->pw_name), me->pw_dir);
  EXPECT_EQ(process.home("no such user"), std::nullopt);
  ::setenv("GAMMA_EXTRACT_TEST", "", 1);
  EXPECT_EQ(process.variable("GAMMA_EXTRACT_TEST"), "");
  ::unsetenv("GAMMA_EXTRACT_TEST");
  EXPECT_EQ(process.variable("GAMMA_EXTRACT_TEST"), std::nullopt);
}

TEST(OfflineTest, TrueInAnyCase) {
  for (const char* name : {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}) {
    for (const char* value : {"1", "on", "ON", "yes", "Yes", "true", "TRUE", "tRuE"}) {
      EXPECT_TRUE(is_offline(environment({{name, value}}))) << name << "=" << value;
    }
    for (const char* value : {"", "0", "2", "no", "off", "false", "y", "t", " 1", "01"}) {
      EXPECT_FALSE(is_offline(environment({{name, value}}))) << name << "=" << value;
    }
  }
  EXPECT_FALSE(is_offline(environment({})));
}

TEST(OfflineTest, TheHubsVariableBeatsTheOther) {
  EXPECT_FALSE(is_offline(environment({{"HF_HUB_OFFLINE", "0"}, {"TRANSFORMERS_OFFLINE", "1"}})));
  EXPECT_TRUE(is_offline(environment({{"HF_HUB_OFFLINE", "1"}, {"TRANSFORMERS_OFFLINE", "0"}})));
  EXPECT_TRUE(is_offline(environment({{"HF_HUB_OFFLINE", ""}, {"TRANSFORMERS_OFFLINE", "1"}})));
}

}  // namespace
}  // namespace gamma_extract
