#include "gamma_extract/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "expect_fault.h"
#include "gamma_extract/extract.h"
#include "temporary_directory.h"
#include "written_set.h"

namespace gamma_extract {
namespace {

using ::testing::AllOf;
using testing::as_bf16;
using testing::bytes_of;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::TemporaryDirectory;
using testing::write_file;
using testing::WrittenFile;
using testing::WrittenSet;

constexpr float infinity = std::numeric_limits<float>::infinity();

float from_bits(std::uint32_t bits) {
  return std::bit_cast<float>(bits);
}

std::vector<std::string> names(const Verification::Set& set) {
  std::vector<std::string> names;
  for (const auto& check : set.checks) names.push_back(check.name);
  return names;
}

std::vector<std::string> failed(const Verification::Set& set) {
  std::vector<std::string> names;
  for (const auto& check : set.checks) {
    EXPECT_NE(check.detail, "") << check.name;
    if (!check.passed) names.push_back(check.name);
  }
  return names;
}

std::string detail(const Verification::Set& set, const std::string& name) {
  for (const auto& check : set.checks) {
    if (check.name == name) return check.detail;
  }
  return "no check " + name;
}

class VerifyTest : public ::testing::Test {
 protected:
  Verification verify(unsigned threads = 2) {
    return gamma_extract::verify({.directory = directory_.path(), .threads = threads},
                                 {.stop = stop_, .progress = progress_, .warn = {}});
  }

  /// The only set, with what `set_` has, written.
  Verification::Set verify_set() {
    set_.write(directory_.path());
    return verify_directory();
  }
  Verification::Set verify_directory() {
    Verification verification = verify();
    EXPECT_EQ(verification.sets.size(), 1U);
    EXPECT_EQ(verification.passed(), verification.sets.at(0).passed());
    EXPECT_EQ(verification.passed(), failed(verification.sets.at(0)).empty());
    return verification.sets.at(0);
  }

  void write_bytes(const WrittenFile& file, const std::string& bytes) {
    write_file(directory_ / file.name, bytes);
  }

  TemporaryDirectory directory_;
  WrittenSet set_;
  StopFlag stop_;
  Progress progress_;
};

TEST_F(VerifyTest, AWholeSetPassesEveryCheck) {
  const Verification::Set set = verify_set();
  EXPECT_THAT(failed(set), IsEmpty());
  EXPECT_THAT(names(set), ElementsAre("files", "format", "keys", "dtypes", "shapes", "metadata",
                                      "headers", "data_xxh3", "mu_sha256", "mu", "gamma_centered"));
  EXPECT_EQ(set.slug, "tiny");
  EXPECT_EQ(set.model, "Org/Tiny");
  EXPECT_EQ(progress_.done, progress_.total);
  EXPECT_EQ(progress_.total,
            set_.gamma.bytes().size() + set_.mu.bytes().size() + set_.centered.bytes().size());
}

TEST_F(VerifyTest, FilesWithoutMetadataHaveNoHashes) {
  set_.remove_metadata();
  const Verification::Set set = verify_set();
  EXPECT_THAT(failed(set), IsEmpty());
  EXPECT_THAT(names(set), ElementsAre("files", "format", "keys", "dtypes", "shapes", "metadata",
                                      "mu", "gamma_centered"));
  EXPECT_EQ(set.model, std::nullopt);
}

TEST_F(VerifyTest, GammaMayBeStoredAsItsSourceWas) {
  const std::vector<float> values{1, 2, 3, 3, 2, 1, 0, 0, 8, 0, 4, 0};
  const std::vector<std::uint16_t> halves{0x3c00, 0x4000, 0x4200, 0x4200, 0x4000, 0x3c00,
                                          0,      0,      0x4800, 0,      0x4400, 0};
  const std::vector<std::pair<std::string, std::string>> stored{
      {"F64", bytes_of(std::vector<double>(values.begin(), values.end()))},
      {"F32", bytes_of(values)},
      {"F16", bytes_of(halves)},
      {"BF16", bytes_of(as_bf16(values))}};
  for (const auto& [dtype, data] : stored) {
    set_.gamma.dtype = dtype;
    set_.gamma.data = data;
    for (WrittenFile* file : set_.all()) file->label("source_dtype", dtype);
    set_.hash();
    EXPECT_THAT(failed(verify_set()), IsEmpty()) << dtype;
  }
}

// One fault each, with hashes that fit, so that nothing but its own check sees it.

TEST_F(VerifyTest, AMissingFile) {
  for (const WrittenFile* file : set_.all()) {
    set_.write(directory_.path());
    std::filesystem::remove(directory_ / file->name);
    const Verification::Set set = verify_directory();
    EXPECT_THAT(failed(set), ElementsAre("files"));
    EXPECT_THAT(detail(set, "files"), HasSubstr(file->name + ": no such file"));
  }
}

TEST_F(VerifyTest, WhatIsLeftOfASetIsCheckedStill) {
  set_.gamma.data[0] ^= 1;
  set_.write(directory_.path());
  std::filesystem::remove(directory_ / set_.mu.name);
  EXPECT_THAT(failed(verify_directory()), ElementsAre("files", "data_xxh3"));
}

TEST_F(VerifyTest, AGammaAndItsMuAreEnoughForTheMean) {
  set_.mu.data = bytes_of(std::vector<float>{1, 2, 4});
  set_.hash();
  set_.write(directory_.path());
  std::filesystem::remove(directory_ / set_.centered.name);
  EXPECT_THAT(failed(verify_directory()), ElementsAre("files", "mu"));
}

TEST_F(VerifyTest, WhatIsNoFile) {
  set_.write(directory_.path());
  const auto path = directory_ / set_.centered.name;
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_THAT(detail(verify_directory(), "files"), HasSubstr("it is a directory"));
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(failed(verify_directory()), ElementsAre("files"));
  std::filesystem::remove(path);
  std::filesystem::create_symlink("nowhere", path);
  EXPECT_THAT(detail(verify_directory(), "files"), HasSubstr("a link to nowhere"));
}

TEST_F(VerifyTest, LinksAreFollowed) {
  set_.write(directory_.path());
  std::filesystem::rename(directory_ / set_.gamma.name, directory_ / "elsewhere");
  std::filesystem::create_symlink("elsewhere", directory_ / set_.gamma.name);
  EXPECT_THAT(failed(verify_directory()), IsEmpty());
}

TEST_F(VerifyTest, AFileThatIsNotValid) {
  for (const WrittenFile* file : set_.all()) {
    for (const std::string& bytes :
         {file->bytes().substr(0, file->bytes().size() - 1), file->bytes() + '\0', std::string(),
          std::string("version https://git-lfs.github.com/spec/v1\n")}) {
      set_.write(directory_.path());
      write_bytes(*file, bytes);
      const Verification::Set set = verify_directory();
      EXPECT_THAT(failed(set), ElementsAre("format"));
      EXPECT_THAT(detail(set, "format"),
                  AllOf(HasSubstr(file->name), Not(HasSubstr("download it again"))));
    }
  }
}

TEST_F(VerifyTest, NothingValidAtAll) {
  for (const WrittenFile* file : set_.all()) write_bytes(*file, "");
  EXPECT_THAT(names(verify_directory()), ElementsAre("files", "format"));
}

TEST_F(VerifyTest, AnotherKey) {
  for (WrittenFile* file : set_.all()) {
    const std::string key = file->key;
    file->key = "weight";
    EXPECT_THAT(failed(verify_set()), ElementsAre("keys"));
    file->key = key;
  }
}

TEST_F(VerifyTest, ATensorThatIsNotAlone) {
  set_.write(directory_.path());
  std::string header = set_.mu.header();
  header.insert(header.rfind('}'), R"(,"nu":{"dtype":"F32","shape":[0],"data_offsets":[12,12]})");
  write_bytes(set_.mu, set_.mu.with_header(header));
  const Verification::Set set = verify_directory();
  EXPECT_THAT(failed(set), ElementsAre("keys"));
  EXPECT_THAT(detail(set, "keys"), HasSubstr(R"(it holds "mu", "nu" instead of mu alone)"));
  write_bytes(set_.mu, set_.mu.with_header("{}").substr(0, 10));
  EXPECT_THAT(detail(verify_directory(), "keys"), HasSubstr("it holds no tensor instead of mu"));
}

TEST_F(VerifyTest, AnotherElementType) {
  set_.gamma.dtype = "I32";
  EXPECT_THAT(failed(verify_set()), ElementsAre("dtypes"));
  set_.gamma.dtype = "F32";
  set_.mu.dtype = "F64";
  set_.mu.data = bytes_of(std::vector<double>{1, 2, 3});
  set_.hash();
  EXPECT_THAT(failed(verify_set()), ElementsAre("dtypes"));
  set_ = WrittenSet();
  set_.centered.dtype = "I32";
  EXPECT_THAT(failed(verify_set()), ElementsAre("dtypes"));
}

TEST_F(VerifyTest, AGammaOfAnotherTypeThanItsSource) {
  set_.gamma.dtype = "F64";
  set_.gamma.data = bytes_of(std::vector<double>{1, 2, 3, 3, 2, 1, 0, 0, 8, 0, 4, 0});
  set_.hash();
  const Verification::Set set = verify_set();
  EXPECT_THAT(failed(set), ElementsAre("dtypes"));
  EXPECT_THAT(detail(set, "dtypes"), HasSubstr("gamma is F64 instead of F32 or BF16"));
  set_.remove_metadata();  // then every type that a source may have will do
  EXPECT_THAT(failed(verify_set()), IsEmpty());
}

TEST_F(VerifyTest, ShapesThatDoNotFit) {
  const std::vector<std::pair<WrittenFile*, std::vector<std::uint64_t>>> wrong{
      {&set_.gamma, {3, 4}}, {&set_.gamma, {12}},      {&set_.gamma, {4, 3, 1}}, {&set_.mu, {1, 3}},
      {&set_.mu, {3, 1}},    {&set_.centered, {6, 2}}, {&set_.centered, {1, 12}}};
  for (const auto& [file, shape] : wrong) {
    const auto right = file->shape;
    file->shape = shape;
    EXPECT_THAT(failed(verify_set()), ElementsAre("shapes"));
    file->shape = right;
  }
}

TEST_F(VerifyTest, AMatrixOfNothing) {
  for (WrittenFile* file : set_.all()) file->data = "";
  set_.gamma.shape = set_.centered.shape = {0, 3};
  set_.mu.shape = {3};
  set_.mu.data = bytes_of(std::vector<float>{0, 0, 0});
  set_.hash();
  EXPECT_THAT(failed(verify_set()), ElementsAre("shapes"));
  set_.gamma.shape = set_.centered.shape = {4, 0};
  set_.mu.shape = {0};
  set_.mu.data = "";
  set_.hash();
  EXPECT_THAT(failed(verify_set()), ElementsAre("shapes"));
}

TEST_F(VerifyTest, MetadataThatIsMissing) {
  for (const char* key : {"format", "model", "tensor", "source_dtype", "space", "mu_sha256",
                          "data_xxh3", "version"}) {
    set_ = WrittenSet();
    set_.mu.remove_label(key);
    const Verification::Set set = verify_set();
    EXPECT_THAT(failed(set), ElementsAre("metadata")) << key;
    EXPECT_THAT(detail(set, "metadata"),
                HasSubstr(fmt::format("gamma_centroid_mu.safetensors: {} is missing", key)));
  }
  set_ = WrittenSet();
  set_.centered.metadata.clear();
  EXPECT_THAT(failed(verify_set()), ElementsAre("metadata"));
}

TEST_F(VerifyTest, TheRevisionIsInAllOrInNone) {
  for (WrittenFile* file : set_.all()) file->remove_label("revision");
  EXPECT_THAT(failed(verify_set()), IsEmpty());
  set_ = WrittenSet();
  set_.centered.remove_label("revision");
  EXPECT_THAT(failed(verify_set()), ElementsAre("metadata"));
}

TEST_F(VerifyTest, MetadataThatNobodyKnows) {
  for (WrittenFile* file : set_.all()) file->label("licence", "mit");
  const Verification::Set set = verify_set();
  EXPECT_THAT(failed(set), ElementsAre("metadata"));
  EXPECT_THAT(detail(set, "metadata"), HasSubstr("the key \"licence\" is unknown"));
}

TEST_F(VerifyTest, MetadataThatIsNotTheSameInTheThree) {
  for (const char* key : {"format", "model", "revision", "tensor", "version"}) {
    for (const std::size_t index : {0U, 1U, 2U}) {
      set_ = WrittenSet();
      set_.all().at(index)->label(key, "other");
      const Verification::Set set = verify_set();
      EXPECT_THAT(failed(set), ElementsAre("metadata")) << key;
      EXPECT_THAT(detail(set, "metadata"), HasSubstr(fmt::format("{} is \"", key)));
    }
  }
  set_ = WrittenSet();
  set_.mu.label("source_dtype", "F16");
  EXPECT_THAT(failed(verify_set()), ElementsAre("metadata"));
}

TEST_F(VerifyTest, MetadataWithAnImpossibleValue) {
  set_.gamma.label("space", "centered");
  EXPECT_THAT(failed(verify_set()), ElementsAre("metadata"));
  set_ = WrittenSet();
  set_.centered.label("space", "original");
  EXPECT_THAT(failed(verify_set()), ElementsAre("metadata"));
  for (const char* key : {"format", "source_dtype"}) {
    set_ = WrittenSet();
    for (WrittenFile* file : set_.all()) file->label(key, "I8");
    EXPECT_THAT(failed(verify_set()), ElementsAre("metadata")) << key;
  }
}

TEST_F(VerifyTest, AHeaderThatIsWrittenInAnotherWay) {
  for (const WrittenFile* file : set_.all()) {
    const std::string header = file->header();
    std::string spaced = header;
    spaced.insert(1, " ");
    for (const std::string& other : {spaced, header + "        ", header + "\n"}) {
      set_.write(directory_.path());
      write_bytes(*file, file->with_header(other));
      EXPECT_THAT(failed(verify_directory()), ElementsAre("headers"));
    }
  }
  std::swap(set_.mu.metadata.at(0), set_.mu.metadata.at(1));
  EXPECT_THAT(failed(verify_set()), ElementsAre("headers"));
}

TEST_F(VerifyTest, WithoutMetadataEveryValidHeaderWillDo) {
  set_.remove_metadata();
  set_.write(directory_.path());
  write_bytes(set_.gamma, set_.gamma.with_header(" " + set_.gamma.header() + "\n"));
  EXPECT_THAT(failed(verify_directory()), IsEmpty());
}

TEST_F(VerifyTest, HashesThatAreNotThoseOfTheData) {
  const std::string zeros(32, '0');
  for (const std::size_t index : {0U, 1U, 2U}) {
    set_ = WrittenSet();
    set_.all().at(index)->label("data_xxh3", zeros);
    const Verification::Set set = verify_set();
    EXPECT_THAT(failed(set), ElementsAre("data_xxh3"));
    EXPECT_THAT(detail(set, "data_xxh3"), HasSubstr(set_.all().at(index)->name));
  }
  set_ = WrittenSet();
  for (WrittenFile* file : set_.all()) file->label("mu_sha256", zeros + zeros);
  EXPECT_THAT(failed(verify_set()), ElementsAre("mu_sha256"));
}

TEST_F(VerifyTest, AMuThatIsOffByItsLastBit) {
  const float nearly = std::nextafter(2.0F, 3.0F);
  set_.mu.data = bytes_of(std::vector<float>{1, nearly, 3});
  set_.centered.data = bytes_of(std::vector<float>{0, 2 - nearly, 0, 2, 2 - nearly, -2, -1,
                                                   0 - nearly, 5, -1, 4 - nearly, -3});
  set_.hash();
  const Verification::Set set = verify_set();
  EXPECT_THAT(failed(set), ElementsAre("mu"));
  EXPECT_THAT(
      detail(set, "mu"),
      AllOf(HasSubstr("1 of 3 components"),
            HasSubstr("component 1, the farthest, is 2.0000002 instead of 2, off by 2.4e-07"),
            HasSubstr(": float32 summation, such as torch's mean, explains it")));
}

// The data is not what was written: no story of how mu came about.
TEST_F(VerifyTest, AMuBesideADamagedGamma) {
  for (const bool gamma : {true, false}) {
    set_ = WrittenSet();
    WrittenFile& file = gamma ? set_.gamma : set_.mu;
    file.data.at(4) ^= gamma ? 4 : 1;  // moves the mean of column 1 by its last bit
    const Verification::Set set = verify_set();
    EXPECT_THAT(failed(set), Contains("data_xxh3"));
    EXPECT_THAT(detail(set, "mu"), AllOf(HasSubstr("1 of 3 components"), HasSubstr(", off by "),
                                         Not(HasSubstr("float32 summation"))));
  }
}

TEST_F(VerifyTest, AMuOfAnotherMatrix) {
  set_.mu.data = bytes_of(std::vector<float>{1, 2, 3.5});
  set_.mu.label("model", "Org/Other");
  set_.hash();
  const Verification::Set set = verify_set();
  EXPECT_THAT(failed(set), ElementsAre("metadata", "mu", "gamma_centered"));
  EXPECT_THAT(detail(set, "mu"),
              AllOf(HasSubstr("off by 5.0e-01: more than float32 summation explains"),
                    HasSubstr("gamma_centroid_mu.safetensors is of the model \"Org/Other\"")));
  EXPECT_THAT(detail(set, "gamma_centered"),
              HasSubstr("4 of 12 values are not gamma - mu; the first, in row 0, column 2, is 0 "
                        "instead of -0.5"));
}

TEST_F(VerifyTest, ADifferenceThatIsOffByOneBit) {
  for (const std::size_t byte : {0U, 23U, 47U}) {
    set_ = WrittenSet();
    set_.centered.data[byte] ^= 1;
    set_.hash();
    EXPECT_THAT(failed(verify_set()), ElementsAre("gamma_centered"));
  }
}

TEST_F(VerifyTest, AMixtureOfTwoRuns) {
  WrittenSet later;
  later.gamma.data = bytes_of(std::vector<float>{1, 2, 3, 3, 2, 1, 0, 0, 8, 0, 4, 4});
  later.mu.data = bytes_of(std::vector<float>{1, 2, 4});
  later.hash();
  set_.write(directory_.path());
  write_bytes(later.gamma, later.gamma.bytes());  // KILL came here
  EXPECT_THAT(failed(verify_directory()),
              ElementsAre("metadata", "mu_sha256", "mu", "gamma_centered"));
}

// Values that are not finite, as a run with --allow-nonfinite writes them.

TEST_F(VerifyTest, ValuesThatAreNotFinite) {
  const float nan = from_bits(0x7fc00000);
  const float other_nan = from_bits(0xffc00123);
  set_.gamma.shape = set_.centered.shape = {2, 5};
  set_.mu.shape = {5};
  set_.gamma.data = bytes_of(std::vector<float>{other_nan, infinity, -infinity, infinity, 1,  //
                                                2, 3, 4, -infinity, 3});
  set_.mu.data = bytes_of(std::vector<float>{nan, infinity, -infinity, nan, 2});
  set_.centered.data = bytes_of(std::vector<float>{nan, nan, nan, nan, -1,  //
                                                   nan, -infinity, infinity, nan, 1});
  set_.hash();
  const Verification::Set set = verify_set();
  EXPECT_THAT(failed(set), IsEmpty());
  EXPECT_THAT(detail(set, "mu"), HasSubstr("NaN or infinite: 5"));

  // Every NaN is the canonical one.
  set_.centered.data = bytes_of(std::vector<float>{nan, other_nan, nan, nan, -1,  //
                                                   nan, -infinity, infinity, nan, 1});
  set_.hash();
  EXPECT_THAT(detail(verify_set(), "gamma_centered"),
              HasSubstr("1 of 10 values are not gamma - mu; the first, in row 0, column 1, is nan "
                        "(0xffc00123) instead of nan (0x7fc00000)"));
}

// How far a float32 sum may be off follows from the values that are finite.
TEST_F(VerifyTest, AWrongMuBesideValuesThatAreNotFinite) {
  const float nan = from_bits(0x7fc00000);
  for (const float endless : {infinity, nan}) {
    for (const auto& [mean, words] :
         {std::pair{900.0F, "more than float32 summation explains"},
          std::pair{std::nextafter(2.0F, 3.0F), "torch's mean"},
          std::pair{infinity, "more than float32 summation explains"}}) {
      set_.gamma.shape = set_.centered.shape = {2, 2};
      set_.mu.shape = {2};
      set_.gamma.data = bytes_of(std::vector<float>{endless, 1, 1, 3});
      set_.mu.data = bytes_of(std::vector<float>{endless, mean});
      set_.centered.data = bytes_of(std::vector<float>{nan, 1 - mean, 1 - endless, 3 - mean});
      set_.hash();
      EXPECT_THAT(detail(verify_set(), "mu"), HasSubstr(words)) << endless << " " << mean;
    }
  }
}

TEST_F(VerifyTest, WhatFloat32CannotHoldIsFalse) {
  set_.gamma.dtype = "F64";
  for (WrittenFile* file : set_.all()) file->label("source_dtype", "F64");
  set_.gamma.data = bytes_of(std::vector<double>{1, 2, 3, 1e39, 2, 1, 0, 0, 8, 0, 4, 0});
  set_.mu.data = bytes_of(std::vector<float>{infinity, 2, 3});
  const float nan = from_bits(0x7fc00000);
  set_.centered.data =
      bytes_of(std::vector<float>{-infinity, 0, 0, nan, 0, -2, -infinity, -2, 5, -infinity, 2, -3});
  set_.hash();
  const Verification::Set set = verify_set();
  EXPECT_THAT(failed(set), ElementsAre("mu"));
  EXPECT_THAT(detail(set, "mu"), HasSubstr("in row 1, column 0 is finite as F64 but beyond"));
}

TEST_F(VerifyTest, ADifferenceThatFloat32CannotHoldIsFalse) {
  const float largest = std::numeric_limits<float>::max();
  set_.gamma.shape = set_.centered.shape = {4, 1};
  set_.mu.shape = {1};
  set_.gamma.data = bytes_of(std::vector<float>{largest, -largest, -largest, -largest});
  set_.mu.data = bytes_of(std::vector<float>{-largest / 2});
  set_.centered.data =
      bytes_of(std::vector<float>{infinity, -largest / 2, -largest / 2, -largest / 2});
  set_.hash();
  const Verification::Set set = verify_set();
  EXPECT_THAT(failed(set), ElementsAre("gamma_centered"));
  EXPECT_THAT(detail(set, "gamma_centered"),
              HasSubstr("gamma - mu in row 0, column 0 is beyond the range of float32"));
}

// Many blocks, and rows that are cut.

TEST_F(VerifyTest, EveryBlockIsLookedAt) {
  for (const auto& [rows, columns] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{{2500, 3}, {3, 140'000}}) {
    std::vector<float> gamma(rows * columns);
    for (std::size_t i = 0; i < gamma.size(); ++i) gamma[i] = static_cast<float>(i % 17) / 8;
    std::vector<float> mu(columns);
    for (std::size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::size_t i = j; i < gamma.size(); i += columns) sum += gamma[i];
      mu[j] = static_cast<float>(sum / static_cast<double>(rows));
    }
    std::vector<float> centered(gamma.size());
    for (std::size_t i = 0; i < gamma.size(); ++i) centered[i] = gamma[i] - mu[i % columns];

    set_.gamma.shape = set_.centered.shape = {rows, columns};
    set_.mu.shape = {columns};
    set_.gamma.data = bytes_of(gamma);
    set_.mu.data = bytes_of(mu);
    set_.centered.data = bytes_of(centered);
    set_.hash();
    EXPECT_THAT(failed(verify_set()), IsEmpty());
    for (unsigned threads = 1; threads <= 9; ++threads) EXPECT_TRUE(verify(threads).passed());

    set_.centered.data.back() ^= 1;
    set_.centered.data.at(set_.centered.data.size() / 2) ^= 1;
    const std::size_t first = set_.centered.data.size() / 2 / sizeof(float);
    const Verification::Set set = verify_set();
    EXPECT_THAT(failed(set), ElementsAre("data_xxh3", "gamma_centered"));
    EXPECT_THAT(
        detail(set, "gamma_centered"),
        AllOf(HasSubstr("2 of "),
              HasSubstr(fmt::format("row {}, column {}", first / columns, first % columns))));
  }
}

// The directory.

TEST_F(VerifyTest, OnlyTheFilesOfASetMakeOne) {
  for (const char* name :
       {"gamma_centroid_mu.safetensors", "gamma_covariance.safetensors", "gamma_.safetensors",
        "gamma_centered_.safetensors", "gamma_Tiny.safetensors", "gamma_tiny.safetensors.part",
        "gamma_centered_centroid_mu.safetensors", ".gamma-extract-abc123/gamma_tiny.safetensors",
        "radial_distances_tiny.safetensors", "model.safetensors"}) {
    write_file(directory_ / name, "");
  }
  EXPECT_FAULT(verify(), set_missing);
  set_.write(directory_.path());
  EXPECT_THAT(failed(verify_directory()), IsEmpty());
}

TEST_F(VerifyTest, ADirectoryThatIsNone) {
  write_file(directory_ / "file", "");
  for (const char* name : {"missing", "file", "file/below"}) {
    EXPECT_FAULT(gamma_extract::verify({.directory = directory_ / name},
                                       {.stop = stop_, .progress = progress_, .warn = {}}),
                 set_directory_missing);
  }
}

TEST_F(VerifyTest, WhatCannotBeReadIsNoVerdict) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  set_.write(directory_.path());
  ASSERT_EQ(::chmod((directory_ / set_.centered.name).c_str(), 0), 0);
  EXPECT_FAULT(verify(), file_unreadable);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0), 0);
  EXPECT_FAULT(verify(), file_unreadable);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0700), 0);
}

TEST_F(VerifyTest, TwoSetsWithOneMu) {
  WrittenSet other("other", "Org/Other");
  other.gamma.data = bytes_of(std::vector<float>{2, 2, 3, 4, 2, 1, 1, 0, 8, 1, 4, 0});
  other.mu.data = bytes_of(std::vector<float>{2, 2, 3});
  other.hash();
  for (const bool metadata : {true, false}) {
    if (!metadata) {
      other.remove_metadata();
      set_.remove_metadata();
    }
    set_.write(directory_.path());
    other.write(directory_.path());  // later: it took mu
    const Verification verification = verify();
    ASSERT_EQ(verification.sets.size(), 2U);
    EXPECT_FALSE(verification.passed());
    EXPECT_EQ(verification.sets.at(0).slug, "other");
    EXPECT_THAT(failed(verification.sets.at(0)), IsEmpty());
    EXPECT_EQ(verification.sets.at(1).slug, "tiny");
    EXPECT_FALSE(verification.sets.at(1).passed());
    EXPECT_THAT(detail(verification.sets.at(1), "mu"),
                HasSubstr("; it is the mean of gamma_other.safetensors"));
  }
}

TEST_F(VerifyTest, TwoNamesOfOneMatrixShareItsMu) {
  set_.write(directory_.path());
  WrittenSet("again").write(directory_.path());
  EXPECT_TRUE(verify().passed());
}

TEST_F(VerifyTest, AStopIsNoticed) {
  set_.write(directory_.path());
  stop_.request(2);
  EXPECT_THROW(verify(), Stopped);
}

TEST_F(VerifyTest, AFileThatIsReplacedMeanwhile) {
  // Long enough to be caught in the middle; where the machine was too busy for that, once more.
  constexpr std::uint64_t rows = 1U << 20U;
  set_.gamma.shape = set_.centered.shape = {rows, 4};
  set_.mu.shape = {4};
  set_.gamma.data = set_.centered.data = std::string(rows * 16, '\0');
  set_.mu.data = std::string(16, '\0');
  set_.hash();
  for (int attempt = 0; attempt < 20; ++attempt) {
    set_.write(directory_.path());
    write_file(directory_ / "new", set_.mu.bytes());
    progress_.done = 0;
    std::thread replacer([this] {
      while (progress_.done == 0) std::this_thread::yield();
      std::filesystem::rename(directory_ / "new", directory_ / set_.mu.name);
    });
    std::optional<Fault> fault;
    try {
      EXPECT_TRUE(verify(1).passed());
    } catch (const Error& error) {
      fault = error.fault();
    }
    replacer.join();
    if (!fault) continue;
    EXPECT_EQ(*fault, Fault::file_changed);
    return;
  }
  FAIL() << "never caught";
}

// Flipped bits.

class FlippedBitTest : public VerifyTest {
 protected:
  /// Flips each bit from `first_byte` up to `last_byte` in turn; of them every `step`-th.
  void expect_found(const WrittenFile& file, std::size_t first_byte, std::size_t last_byte,
                    std::size_t step = 1) {
    for (std::size_t bit = 8 * first_byte; bit < 8 * last_byte; bit += step) {
      expect_found(directory_ / file.name, bit);
    }
  }

  void expect_found(const std::filesystem::path& path, std::size_t bit) {
    flip(path, bit);
    EXPECT_FALSE(verify(1).passed()) << path << ", byte " << bit / 8 << ", bit " << bit % 8;
    flip(path, bit);
  }

 private:
  static void flip(const std::filesystem::path& path, std::size_t bit) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(bit / 8));
    const int byte = file.get() ^ (1 << (bit % 8));
    file.seekp(static_cast<std::streamoff>(bit / 8));
    file.put(static_cast<char>(byte));
    ASSERT_TRUE(file.flush());
  }
};

TEST_F(FlippedBitTest, EveryOneIsFound) {
  set_.write(directory_.path());
  ASSERT_TRUE(verify().passed());
  expect_found(set_.gamma, 0, set_.gamma.bytes().size());
  expect_found(set_.mu, 0, set_.mu.bytes().size(), 7);
  expect_found(set_.centered, 0, set_.centered.bytes().size(), 7);
}

TEST_F(FlippedBitTest, WithoutMetadataEveryOneOfTheHeadersAndOfWhatIsDerived) {
  set_.remove_metadata();
  set_.write(directory_.path());
  ASSERT_TRUE(verify().passed());
  expect_found(set_.gamma, 0, set_.gamma.bytes().size() - set_.gamma.data.size());
  expect_found(set_.mu, 0, set_.mu.bytes().size());
  expect_found(set_.centered, 0, set_.centered.bytes().size());
}

TEST_F(FlippedBitTest, InANameThatJsonEscapes) {
  set_ = WrittenSet("tiny", "a\"b\\c\x1f\xc3\xa9");
  set_.write(directory_.path());
  ASSERT_TRUE(verify().passed());
  const std::string bytes = set_.gamma.bytes();
  expect_found(set_.gamma, bytes.find("\"model\""), bytes.find("\"revision\""));
}

TEST_F(FlippedBitTest, AThousandInTheExample) {
  ExtractOptions options;
  options.model.name = std::filesystem::path(PROJECT_DIR) / "examples/qwen3-tiny";
  options.out = directory_.path();
  extract(options, {.stop = stop_, .progress = progress_, .warn = {}});
  ASSERT_TRUE(verify().passed());

  std::vector<std::filesystem::path> paths;
  for (const char* name : {"gamma_qwen3_tiny", "gamma_centroid_mu", "gamma_centered_qwen3_tiny"}) {
    paths.push_back(directory_ / (std::string(name) + ".safetensors"));
  }
  std::mt19937_64 random(20240229);
  for (int i = 0; i < 1000; ++i) {
    const std::filesystem::path& path = paths.at(random() % paths.size());
    // Every other one in the first kilobyte, where the header is.
    std::uint64_t bytes = std::filesystem::file_size(path);
    if (i % 2 == 0) bytes = std::min<std::uint64_t>(bytes, 1024);
    expect_found(path, random() % (8 * bytes));
  }
}

}  // namespace
}  // namespace gamma_extract
