#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "gamma_extract/safetensors.h"
#include "temporary_directory.h"

// The writer and the reader against files of the reference implementation: outputs of
// safetensors.torch.save_file, made by tests/oracles/make_save_file_corpus.py.

namespace gamma_extract::safetensors {
namespace {

using ::testing::FieldsAre;

struct Saved {
  std::filesystem::path path;
  std::string key;
  Dtype dtype = Dtype::F32;
  std::vector<std::uint64_t> shape;
  Metadata metadata;
  std::uint64_t data_offset = 0;
  std::uint64_t bytes = 0;
};

Dtype parse_dtype(const std::string& text) {
  const std::optional<Dtype> dtype = dtype_of(text);
  if (!dtype) throw std::runtime_error("unknown dtype in the manifest: " + text);
  return *dtype;
}

Saved parse_entry(const std::filesystem::path& directory, const nlohmann::json& entry) {
  Saved saved;
  saved.path = directory / entry.at("file").get<std::string>();
  saved.key = entry.at("key").get<std::string>();
  saved.dtype = parse_dtype(entry.at("dtype").get<std::string>());
  saved.shape = entry.at("shape").get<std::vector<std::uint64_t>>();
  for (const auto& [key, value] : entry.at("metadata").items()) {
    saved.metadata.emplace_back(key, value.get<std::string>());
  }
  saved.data_offset = entry.at("data_offset").get<std::uint64_t>();
  saved.bytes = entry.at("bytes").get<std::uint64_t>();
  return saved;
}

std::vector<Saved> corpus() {
  const std::filesystem::path directory = std::filesystem::path(TEST_DATA) / "save_file";
  const auto manifest = nlohmann::json::parse(testing::read_file(directory / "manifest.json"));
  std::vector<Saved> all;
  for (const auto& entry : manifest) all.push_back(parse_entry(directory, entry));
  return all;
}

Metadata metadata_of(const Header& header) {
  Metadata metadata;
  for (std::size_t i = 0; i < header.metadata_size(); ++i) {
    metadata.emplace_back(header.metadata_at(i));
  }
  return metadata;
}

TEST(WriterCorpusTest, HoldsEveryDtypeThatTorchSavesAndEnoughFiles) {
  std::vector<bool> seen(22);
  const std::vector<Saved> all = corpus();
  for (const Saved& saved : all) seen.at(static_cast<std::size_t>(saved.dtype)) = true;
  EXPECT_GE(all.size(), 50U);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 20);  // all but the two F6
}

TEST(WriterCorpusTest, HeaderIsThatOfSaveFileByteForByte) {
  for (const Saved& saved : corpus()) {
    const std::string expected = testing::read_file(saved.path).substr(0, saved.data_offset);
    EXPECT_EQ(make_header(saved.key, saved.dtype, saved.shape, saved.metadata), expected)
        << saved.path;
  }
}

TEST(WriterCorpusTest, ReaderFindsWhatSaveFileWrote) {
  for (const Saved& saved : corpus()) {
    SCOPED_TRACE(saved.path);
    const Header header = read_header(FileSource(saved.path));
    ASSERT_EQ(header.size(), 1U);
    EXPECT_THAT(header.tensor(0),
                FieldsAre(saved.key, saved.dtype, saved.shape, saved.data_offset, saved.bytes));
    EXPECT_EQ(header.data_offset(), saved.data_offset);
    EXPECT_EQ(metadata_of(header), saved.metadata);
  }
}

}  // namespace
}  // namespace gamma_extract::safetensors
