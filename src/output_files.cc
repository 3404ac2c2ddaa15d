#include "output_files.h"

#include <algorithm>
#include <set>

#include "directory_names.h"
#include "file_type.h"
#include "gamma_extract/error.h"
#include "gamma_extract/model_name.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, all_files.size()> keys{"gamma", "mu", "gamma_centered"};

constexpr std::string_view prefix = "gamma_";
constexpr std::string_view centered = "centered_";
constexpr std::string_view suffix = ".safetensors";

std::optional<std::string> slug_in(std::string_view name) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  if (name.size() <= prefix.size() + suffix.size()) return std::nullopt;
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  if (name.starts_with(centered)) name.remove_prefix(centered.size());
  if (name.empty() || slug_of(name) != name || is_reserved_slug(name)) return std::nullopt;
  return std::string(name);
}

void require_directory(const fs::path& path) {
  const fs::file_type type = file_type_of(path);
  if (type == fs::file_type::not_found) {
    fail(Fault::set_directory_missing, "{}: no such directory; check the name", path.string());
  }
  if (type != fs::file_type::directory) {
    fail(Fault::set_directory_missing,
         "{}: it is no directory; name the directory that holds the files", path.string());
  }
}

}  // namespace

std::string_view key(File file) {
  return keys.at(file);
}

std::string file_name(File file, std::string_view slug) {
  if (file == centroid_file) return "gamma_centroid_mu.safetensors";
  std::string name(prefix);
  if (file == centered_file) name += centered;
  return name.append(slug).append(suffix);
}

bool is_reserved_slug(std::string_view slug) {
  return slug == "centroid_mu" || slug == "covariance" || slug.starts_with(centered);
}

std::vector<std::string> find_slugs(const fs::path& directory) {
  require_directory(directory);
  std::set<std::string> slugs;
  for (const std::string& name : directory_names(directory)) {
    if (auto slug = slug_in(name)) slugs.insert(*std::move(slug));
  }
  return {slugs.begin(), slugs.end()};
}

safetensors::Metadata metadata(File file, const Labels& labels, const std::string& data_xxh3) {
  safetensors::Metadata metadata{{"format", "pt"}, {"model", labels.model}};
  if (labels.revision) metadata.emplace_back("revision", *labels.revision);
  metadata.emplace_back("tensor", labels.tensor);
  metadata.emplace_back("source_dtype", labels.source_dtype);
  metadata.emplace_back("space", file == centered_file ? "centered" : "original");
  metadata.emplace_back("mu_sha256", labels.mu_sha256);
  metadata.emplace_back("data_xxh3", data_xxh3);
  metadata.emplace_back("version", labels.version);
  return metadata;
}

}  // namespace gamma_extract
