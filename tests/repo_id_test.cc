#include "repo_id.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace gamma_extract {
namespace {

// What is one and what is not was asked of huggingface_hub's validate_repo_id.
TEST(RepoIdTest, WhatIsOne) {
  const std::string longest(96, 'a');
  for (const std::string& id :
       {std::string("gpt2"), std::string("Qwen/Qwen3-4B-Instruct-2507"), std::string("a.b/c_d-9"),
        std::string("_"), std::string("__/__"), std::string("a.GIT"), std::string("x.git/y"),
        longest, longest + "/" + longest}) {
    EXPECT_TRUE(is_repo_id(id)) << id;
  }
}

TEST(RepoIdTest, WhatIsNone) {
  const std::string too_long(97, 'a');
  for (const std::string& text : {std::string(""),        std::string("/"),
                                  std::string("a/"),      std::string("/a"),
                                  std::string("a/b/c"),   std::string(".a"),
                                  std::string("-a"),      std::string("a."),
                                  std::string("a-"),      std::string("a/-b"),
                                  std::string("a/.b"),    std::string("a-/b"),
                                  std::string("a--b"),    std::string("a/b--c"),
                                  std::string("a..b"),    std::string("a.git"),
                                  std::string("a/b.git"), std::string("a b"),
                                  std::string("a\n"),     std::string("a:b"),
                                  std::string("a@b"),     std::string("caf\xc3\xa9"),
                                  std::string("a\0b", 3), too_long,
                                  "a/" + too_long,        too_long + "/a"}) {
    EXPECT_FALSE(is_repo_id(text)) << text;
  }
}

TEST(RepoIdTest, ItsDirectoryInTheCache) {
  for (const auto& [id, directory] : std::vector<std::pair<std::string, std::string>>{
           {"gpt2", "models--gpt2"}, {"Org/Some-Name", "models--Org--Some-Name"}}) {
    EXPECT_EQ(repo_directory(id), directory);
    EXPECT_EQ(repo_id_of_directory(directory), id);
  }
  for (const char* other : {"models--", "models--a--", "models----b", "models--a--b--c", "models-a",
                            "datasets--a--b", "a--b", ""}) {
    EXPECT_EQ(repo_id_of_directory(other), std::nullopt) << other;
  }
}

TEST(RepoIdTest, MeantByAnAddress) {
  for (const char* text :
       {"https://huggingface.co/Org/Name", "http://huggingface.co/Org/Name/",
        "https://huggingface.co/Org/Name/tree/main", "https://hf-mirror.com/Org/Name?x=y/z",
        "https://huggingface.co/Org/Name#files", "huggingface.co/Org/Name", "hf.co/Org/Name/blob/a",
        "www.huggingface.co/Org/Name", "hf://Org/Name", "hf://models/Org/Name@main/config.json",
        "models/Org/Name", "models--Org--Name"}) {
    EXPECT_EQ(meant_repo_id(text), "Org/Name") << text;
  }
  EXPECT_EQ(meant_repo_id("https://huggingface.co/gpt2"), "gpt2");
}

TEST(RepoIdTest, NotMeantByAnythingElse) {
  for (const char* text :
       {"", "Org/Name", "Org/Name/x", "https://", "https://huggingface.co",
        "https://huggingface.co/", "https://huggingface.co/datasets/a/b", "hf://datasets/a/b",
        "https://huggingface.co/spaces/a/b", "https://huggingface.co/../x", "hf://", "datasets/a/b",
        "/models/Org/Name"}) {
    EXPECT_EQ(meant_repo_id(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace gamma_extract
