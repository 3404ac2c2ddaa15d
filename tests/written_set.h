#ifndef GAMMA_EXTRACT_WRITTEN_SET_H_
#define GAMMA_EXTRACT_WRITTEN_SET_H_

#include <fmt/format.h>
#include <openssl/sha.h>
#include <xxhash.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "temporary_directory.h"

/// A set of three files as the program writes it, but written by hand, so that a test can spoil one
/// thing of it and leave all else right.
namespace gamma_extract::testing {

template <class Value>
std::string bytes_of(const std::vector<Value>& values) {
  std::string bytes(values.size() * sizeof(Value), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// The upper halves of float32 values: exact for what bfloat16 holds.
inline std::vector<std::uint16_t> as_bf16(const std::vector<float>& values) {
  std::vector<std::uint16_t> halves;
  for (const float value : values) {
    halves.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16U));
  }
  return halves;
}

/// A file of one tensor.
struct WrittenFile {
  std::string name;
  std::string key;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::string data;
  std::vector<std::pair<std::string, std::string>> metadata;

  /// Sets that entry of the metadata, where it stands or at the end.
  void label(const std::string& key_to_set, std::string value) {
    for (auto& [key_there, value_there] : metadata) {
      if (key_there == key_to_set) {
        value_there = std::move(value);
        return;
      }
    }
    metadata.emplace_back(key_to_set, std::move(value));
  }
  void remove_label(const std::string& key_to_remove) {
    std::erase_if(metadata, [&](const auto& entry) { return entry.first == key_to_remove; });
  }

  [[nodiscard]] std::string header() const {
    nlohmann::ordered_json json;
    if (!metadata.empty()) {
      for (const auto& [name_of_label, value] : metadata)
        json["__metadata__"][name_of_label] = value;
    }
    json[key] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {0, data.size()}}};
    std::string text = json.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
  }

  [[nodiscard]] std::string bytes() const { return with_header(header()); }
  [[nodiscard]] std::string with_header(const std::string& text) const {
    std::string bytes;
    for (unsigned i = 0; i < 8; ++i) bytes += static_cast<char>((text.size() >> (8 * i)) & 0xffU);
    return bytes + text + data;
  }
};

/// gamma = [[1, 2, 3], [3, 2, 1], [0, 0, 8], [0, 4, 0]], whose mean is [1, 2, 3].
struct WrittenSet {
  explicit WrittenSet(const std::string& slug = "tiny", const std::string& model = "Org/Tiny")
      : gamma{.name = "gamma_" + slug + ".safetensors",
              .key = "gamma",
              .dtype = "F32",
              .shape = {4, 3},
              .data = bytes_of(std::vector<float>{1, 2, 3, 3, 2, 1, 0, 0, 8, 0, 4, 0}),
              .metadata = {}},
        mu{.name = "gamma_centroid_mu.safetensors",
           .key = "mu",
           .dtype = "F32",
           .shape = {3},
           .data = bytes_of(std::vector<float>{1, 2, 3}),
           .metadata = {}},
        centered{.name = "gamma_centered_" + slug + ".safetensors",
                 .key = "gamma_centered",
                 .dtype = "F32",
                 .shape = {4, 3},
                 .data = bytes_of(std::vector<float>{0, 0, 0, 2, 0, -2, -1, -2, 5, -1, 2, -3}),
                 .metadata = {}} {
    for (WrittenFile* file : all()) {
      file->metadata = {{"format", "pt"},
                        {"model", model},
                        {"revision", "0123456789abcdef0123456789abcdef01234567"},
                        {"tensor", "lm_head.weight"},
                        {"source_dtype", "BF16"},
                        {"space", file == &centered ? "centered" : "original"},
                        {"mu_sha256", ""},
                        {"data_xxh3", ""},
                        {"version", "1.0.0"}};
    }
    hash();
  }

  std::array<WrittenFile*, 3> all() { return {&gamma, &mu, &centered}; }

  /// Makes the hashes those of the data, in files that have metadata.
  void hash() {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> sha256{};
    SHA256(reinterpret_cast<const unsigned char*>(mu.data.data()), mu.data.size(), sha256.data());
    for (WrittenFile* file : all()) {
      if (file->metadata.empty()) continue;
      const XXH128_hash_t xxh3 = XXH3_128bits(file->data.data(), file->data.size());
      file->label("mu_sha256", fmt::format("{:02x}", fmt::join(sha256, "")));
      file->label("data_xxh3", fmt::format("{:016x}{:016x}", xxh3.high64, xxh3.low64));
    }
  }

  void remove_metadata() {
    for (WrittenFile* file : all()) file->metadata.clear();
  }

  void write(const std::filesystem::path& directory) {
    for (const WrittenFile* file : all()) write_file(directory / file->name, file->bytes());
  }

  WrittenFile gamma;
  WrittenFile mu;
  WrittenFile centered;
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_WRITTEN_SET_H_
