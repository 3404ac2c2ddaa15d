#include "output_files.h"

#include <algorithm>
#include <set>
#include <system_error>

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

[[noreturn]] void fail_to_list(const fs::path& directory, const std::error_code& error) {
  if (error == std::errc::no_such_file_or_directory) {
    fail(Fault::set_directory_missing, "{}: no such directory; check the name", directory.string());
  }
  if (error == std::errc::not_a_directory) {
    fail(Fault::set_directory_missing,
         "{}: it is no directory; name the directory that holds the files", directory.string());
  }
  fail(Fault::file_unreadable, "{}: cannot list it: {}; check that you may read it",
       directory.string(), error.message());
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
  std::set<std::string> slugs;
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  while (!error && entry != fs::directory_iterator()) {
    if (auto slug = slug_in(entry->path().filename().string())) slugs.insert(*std::move(slug));
    entry.increment(error);
  }
  if (error) fail_to_list(directory, error);
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
