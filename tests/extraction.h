#ifndef GAMMA_EXTRACT_EXTRACTION_H_
#define GAMMA_EXTRACT_EXTRACTION_H_

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <xxhash.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "run_program.h"
#include "temporary_directory.h"

/// What the end-to-end tests know of a run: its words and its files, taken apart without the
/// program's own code, so that no fault of it can hide itself.
namespace gamma_extract::testing {

using Json = nlohmann::ordered_json;

/// A safetensors file, cut by hand into its header and its data.
struct SavedFile {
  std::string header_text;  ///< padding included
  Json header;
  std::string data;
};

inline SavedFile read_saved(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  std::uint64_t size = 0;
  for (unsigned i = 0; i < 8; ++i) {
    size |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes.at(i))) << (8 * i);
  }
  if (size > bytes.size() - 8) throw std::runtime_error("no whole header: " + path.string());
  SavedFile file{
      .header_text = bytes.substr(8, size), .header = {}, .data = bytes.substr(8 + size)};
  file.header = Json::parse(file.header_text);
  return file;
}

/// The three files of a run.
struct OutputFiles {
  OutputFiles(const std::filesystem::path& directory, const std::string& slug)
      : gamma(directory / ("gamma_" + slug + ".safetensors")),
        mu(directory / "gamma_centroid_mu.safetensors"),
        centered(directory / ("gamma_centered_" + slug + ".safetensors")) {}

  [[nodiscard]] std::vector<std::filesystem::path> all() const { return {gamma, mu, centered}; }
  /// Their bytes, one after the other.
  [[nodiscard]] std::string bytes() const {
    return read_file(gamma) + read_file(mu) + read_file(centered);
  }

  std::filesystem::path gamma;
  std::filesystem::path mu;
  std::filesystem::path centered;
};

/// The names in a directory.
inline std::size_t count_entries(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory),
                                                std::filesystem::directory_iterator()));
}

inline std::string sha256_of(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

/// As `xxhsum -H2` prints it.
inline std::string xxh3_of(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

/// The lines of standard error that begin with `gamma-extract: KIND: `, each with its end cut off.
/// Any other line is a failure of the test.
inline std::vector<std::string> lines_of(const Outcome& outcome, std::string_view kind) {
  std::vector<std::string> lines;
  std::string_view rest = outcome.err;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    EXPECT_NE(end, std::string_view::npos) << "standard error ends within a line: " << outcome.err;
    const std::string_view line = rest.substr(0, end);
    EXPECT_TRUE(line.starts_with("gamma-extract: error: ") ||
                line.starts_with("gamma-extract: warning: "))
        << line;
    if (line.starts_with(fmt::format("gamma-extract: {}: ", kind))) lines.emplace_back(line);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return lines;
}

/// Expects a run to have been refused: this code, nothing on standard output, and on standard error
/// one line, which has all of `parts`.
inline void expect_refused(const Outcome& outcome, int code,
                           std::initializer_list<std::string_view> parts) {
  EXPECT_EQ(outcome.exit_code, code) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  const std::vector<std::string> errors = lines_of(outcome, "error");
  ASSERT_EQ(errors.size(), 1U) << outcome.err;
  for (const std::string_view part : parts) {
    EXPECT_NE(errors.front().find(part), std::string::npos) << errors.front() << "\nlacks " << part;
  }
}

inline void expect_success(const Outcome& outcome) {
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
}

/// Copies a checkpoint, links followed, so that a test may spoil it.
inline void copy_checkpoint(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::create_directories(to.parent_path());
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

inline std::filesystem::path checkpoint(const std::string& name) {
  return std::filesystem::path(TEST_DATA) / "checkpoints" / name;
}

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_EXTRACTION_H_
