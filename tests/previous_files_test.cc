#include "previous_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <vector>

#include "expect_fault.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TemporaryDirectory;
using testing::write_file;

// A safetensors file without tensors, the metadata as JSON text.
std::string safetensors_file(const std::string& metadata) {
  const std::string json = R"({"__metadata__":)" + metadata + "}";
  std::string text(8, '\0');
  text[0] = static_cast<char>(json.size() & 0xFFU);
  text[1] = static_cast<char>(json.size() >> 8U);
  return text + json;
}

class PreviousFilesTest : public ::testing::Test {
 protected:
  void require(const ModelName& model, const std::optional<std::string>& mu_sha256 = {}) {
    require_replaceable(directory_.path(), names_, model, mu_sha256);
  }

  std::string refusal(const ModelName& model, const std::optional<std::string>& mu_sha256 = {}) {
    try {
      require(model, mu_sha256);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory directory_;
  std::vector<std::string> names_{"a", "b"};
  ModelName id_{.model = "Org/Name", .revision = "1234", .is_id = true, .slug = "name"};
  ModelName plain_{.model = "name", .revision = {}, .is_id = false, .slug = "name"};
};

TEST_F(PreviousFilesTest, NothingThere) {
  require(id_);
  names_ = {};
  require(plain_, "m");
  require_replaceable(directory_ / "not" / "yet", names_, id_, {});
}

TEST_F(PreviousFilesTest, SameIdMayBeReplaced) {
  write_file(directory_ / "b",
             safetensors_file(R"({"model":"Org/Name","revision":"0","mu_sha256":"other"})"));
  require(id_);
  require(id_, "m");
}

TEST_F(PreviousFilesTest, OtherModelIsNot) {
  write_file(directory_ / "b", safetensors_file(R"({"model":"Org/Other"})"));
  EXPECT_FAULT(require(id_), output_exists);
  EXPECT_FAULT(require(plain_), output_exists);
  EXPECT_THAT(refusal(id_), AllOf(HasSubstr((directory_ / "b").string()), HasSubstr("Org/Other"),
                                  HasSubstr("Org/Name"), HasSubstr("--force")));
}

TEST_F(PreviousFilesTest, OfAnotherModelsCentroidTheOtherFilesAreNamed) {
  names_ = {"gamma_centroid_mu.safetensors"};
  write_file(directory_ / names_.front(), safetensors_file(R"({"model":"Org/Other"})"));
  EXPECT_FAULT(require(id_), output_exists);
  EXPECT_THAT(refusal(id_), AllOf(HasSubstr("room for one model's"), HasSubstr("another --out"),
                                  HasSubstr("leaves the files of Org/Other without their mu")));
}

TEST_F(PreviousFilesTest, FileWithoutMetadataIsNot) {
  for (const auto* metadata : {"null", "{}", R"({"format":"pt"})"}) {
    write_file(directory_ / "a", safetensors_file(metadata));
    EXPECT_FAULT(require(id_), output_exists);
  }
  EXPECT_THAT(refusal(id_), AllOf(HasSubstr("without metadata"), HasSubstr("--force")));
}

TEST_F(PreviousFilesTest, WhatIsNoSafetensorsFileIsNot) {
  write_file(directory_ / "a", "");
  EXPECT_FAULT(require(id_), output_exists);
  write_file(directory_ / "a", R"({"__metadata__":{"model":"Org/Name"}})");
  EXPECT_FAULT(require(id_), output_exists);
  write_file(directory_ / "a", safetensors_file(R"({"model":"Org/Name"})") + "more");
  EXPECT_FAULT(require(id_), output_exists);
}

TEST_F(PreviousFilesTest, WhatIsNoFileIsNot) {
  ASSERT_EQ(::mkfifo((directory_ / "a").c_str(), 0600), 0);
  EXPECT_FAULT(require(id_), output_exists);
  fs::remove(directory_ / "a");
  fs::create_directory(directory_ / "a");
  EXPECT_FAULT(require(id_), output_exists);
  fs::remove(directory_ / "a");
  fs::create_symlink("nowhere", directory_ / "a");
  EXPECT_FAULT(require(id_), output_exists);
}

TEST_F(PreviousFilesTest, LinkIsFollowedForReading) {
  write_file(directory_ / "target", safetensors_file(R"({"model":"Org/Name"})"));
  fs::create_symlink("target", directory_ / "a");
  require(id_);
  write_file(directory_ / "target", safetensors_file(R"({"model":"Org/Other"})"));
  EXPECT_FAULT(require(id_), output_exists);
}

TEST_F(PreviousFilesTest, PlainModelNeedsTheSameValues) {
  write_file(directory_ / "a", safetensors_file(R"({"model":"name","mu_sha256":"one"})"));
  require(plain_);
  require(plain_, "one");
  EXPECT_FAULT(require(plain_, "two"), output_exists);
  EXPECT_THAT(refusal(plain_, "two"),
              AllOf(HasSubstr("one"), HasSubstr("two"), HasSubstr("--force")));
  write_file(directory_ / "a", safetensors_file(R"({"model":"name"})"));
  EXPECT_FAULT(require(plain_, "two"), output_exists);
}

TEST_F(PreviousFilesTest, NameIsComparedAsMetadataHasIt) {
  write_file(directory_ / "a", safetensors_file("{\"model\":\"na\uFFFDme\"}"));
  plain_.model = "na\xFFme";
  require(plain_);
}

TEST_F(PreviousFilesTest, WhatCannotBeReadIsToldSo) {
  fs::create_symlink("b", directory_ / "b");  // a link to itself
  EXPECT_THAT(refusal(plain_), HasSubstr("cannot be read"));
  EXPECT_FAULT(require(plain_), output_exists);
}

TEST_F(PreviousFilesTest, WhatCannotBeLookedAtIsNotSaidToExist) {
  names_ = {std::string(300, 'x')};
  EXPECT_FAULT(require(plain_), output_unwritable);
  EXPECT_THAT(refusal(plain_), AllOf(HasSubstr("File name too long"), Not(HasSubstr("exists")),
                                     Not(HasSubstr("--force"))));
}

}  // namespace
}  // namespace gamma_extract
