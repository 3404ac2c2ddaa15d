#include "plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "expect_fault.h"
#include "nobody.h"
#include "safetensors_file.h"
#include "temporary_directory.h"
#include "watcher.h"

namespace gamma_extract {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::write_checkpoint;
using testing::write_file;
using testing::write_safetensors;
using testing::ZeroTensor;

constexpr const char* head = "lm_head.weight";
constexpr const char* embedding = "model.embed_tokens.weight";

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() { options_.model.name = directory_ / "model"; }

  void write_tensors(const std::vector<ZeroTensor>& tensors) const {
    write_checkpoint(options_.model.name, testing::tied_config, tensors);
  }

  Plan plan() {
    watcher_.emplace();
    return {options_, watcher_->observer()};
  }
  /// Of the last plan.
  [[nodiscard]] std::vector<std::string> warnings() const { return watcher_->warnings(); }

  TemporaryDirectory directory_;
  ExtractOptions options_;
  std::optional<testing::Watcher> watcher_;
};

TEST_F(PlanTest, HeadAndEmbeddingAreCompared) {
  write_tensors({{.name = head}, {.name = embedding}});
  const Plan plan = this->plan();
  EXPECT_EQ(plan.choice().tensor, head);
  ASSERT_TRUE(plan.compared().has_value());
  EXPECT_THAT(warnings(), ElementsAre());
}

TEST_F(PlanTest, WhatCannotBeComparedIsTold) {
  for (const ZeroTensor& other : {ZeroTensor{.name = embedding, .shape = {5, 2}},
                                  ZeroTensor{.name = embedding, .dtype = "F32", .bytes_each = 4},
                                  ZeroTensor{.name = embedding, .dtype = "I8", .bytes_each = 1}}) {
    write_tensors({{.name = head}, other});
    const Plan plan = this->plan();
    EXPECT_EQ(plan.choice().tensor, head);
    EXPECT_FALSE(plan.compared().has_value());
    EXPECT_THAT(warnings(), ElementsAre(HasSubstr("cannot be compared")));
  }
}

TEST_F(PlanTest, SizesAreThoseOfTheFiles) {
  write_tensors({{.name = embedding}});
  const std::vector<PlannedFile> files = plan().planned_files();
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(files[0].name, "gamma_model.safetensors");
  EXPECT_EQ(files[1].name, "gamma_centroid_mu.safetensors");
  EXPECT_EQ(files[2].name, "gamma_centered_model.safetensors");
  const std::string sha256(64, 'a');
  const std::string xxh3(32, 'b');
  EXPECT_EQ(files[0].bytes, plan().header(gamma_file, sha256, xxh3).size() + 8UL * 4);
  EXPECT_EQ(files[1].bytes, plan().header(centroid_file, sha256, xxh3).size() + 2UL * 4);
  options_.dtype = OutputDtype::source;
  EXPECT_EQ(plan().data_bytes(gamma_file), 8U * 2);
  EXPECT_EQ(plan().data_bytes(centered_file), 8U * 4);
}

// Not with --force either: the files that a run would replace are the ones that it reads.
TEST_F(PlanTest, TheInputIsNotReplaced) {
  write_safetensors(directory_ / "out/gamma_x.safetensors", {{.name = "gamma"}});
  options_.model.name = directory_ / "out/gamma_x.safetensors";
  options_.tensor = "gamma";
  options_.out = directory_ / "out";
  options_.force = true;
  EXPECT_NO_THROW(plan());  // gamma_gamma_x.safetensors
  options_.slug = "x";
  EXPECT_FAULT(plan(), output_is_input);
}

TEST_F(PlanTest, FilesWithoutMetadataAreNotReplaced) {
  write_tensors({{.name = embedding}});
  options_.out = directory_ / "out";
  EXPECT_NO_THROW(plan());
  write_file(directory_ / "out/gamma_model.safetensors", "something");
  EXPECT_FAULT(plan(), output_exists);
  options_.force = true;
  EXPECT_NO_THROW(plan());
}

// Each of these --force would not get past either.
TEST_F(PlanTest, WhatForceDoesNotHelpAgainstComesFirst) {
  write_tensors({{.name = embedding}});
  options_.out = directory_ / "out";
  std::filesystem::create_directories(directory_ / "out/gamma_model.safetensors");
  EXPECT_FAULT(plan(), output_unwritable);
  std::filesystem::create_symlink("loop", directory_ / "loop");
  options_.out = directory_ / "loop";
  EXPECT_FAULT(plan(), output_unwritable);
  options_.out = directory_ / std::string(300, 'x');
  EXPECT_FAULT(plan(), output_unwritable);
  std::filesystem::create_directory(directory_ / "shut");
  ASSERT_EQ(::chmod((directory_ / "shut").c_str(), 0600), 0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  const testing::Nobody nobody;
  for (const char* out : {"shut", "shut/below"}) {
    options_.out = directory_ / out;
    EXPECT_FAULT(plan(), output_unwritable);
  }
}

}  // namespace
}  // namespace gamma_extract
