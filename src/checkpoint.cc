#include "gamma_extract/checkpoint.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <system_error>
#include <utility>

#include "shard_index.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

constexpr const char* single_name = "model.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";
constexpr const char* config_name = "config.json";

// The largest index known has some 10 MB.
constexpr std::uint64_t max_json_bytes = 64'000'000;

/// Whether the directory holds something of that name; a link counts, wherever it leads.
bool is_there(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) return false;
  if (error) {
    fail(Fault::file_unreadable, "{}: cannot look at it: {}; check that you may read it",
         path.string(), error.message());
  }
  return true;
}

[[noreturn]] void fail_model_missing(const fs::path& path) {
  const std::string text = path.string();
  if (text.empty()) {
    fail(Fault::model_missing, "the model's path is empty; give a directory or a file");
  }
  std::error_code ignored;
  if (fs::is_symlink(fs::symlink_status(path, ignored))) {
    fail(Fault::model_missing, "{}: it is a link to {}, which is missing; check the link", text,
         fs::read_symlink(path, ignored).string());
  }
  fail(Fault::model_missing, "{}: no such file or directory; check the path", text);
}

/// Whether `path` is a directory, following links. Throws model_missing where there is nothing.
bool opens_as_directory(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) fail_model_missing(path);
  if (error) {
    fail(Fault::file_unreadable, "{}: cannot look at it: {}; check that you may read it",
         path.string(), error.message());
  }
  return fs::is_directory(status);
}

/// The names in a directory, sorted.
std::set<std::string> list(const fs::path& directory) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    names.insert(entry->path().filename().string());
  }
  if (error) {
    fail(Fault::file_unreadable, "{}: cannot list it: {}; check that you may read it",
         directory.string(), error.message());
  }
  return names;
}

bool is_pickle(const std::string& name) {
  return (name.starts_with("pytorch_model") && name.ends_with(".bin")) || name.ends_with(".pt") ||
         name.ends_with(".pth");
}

/// Says what a directory is that holds no checkpoint, as far as its names tell.
[[noreturn]] void fail_without_weights(const fs::path& directory, const std::string& remedy) {
  const std::set<std::string> names = list(directory);
  if (names.contains("adapter_config.json") && !names.contains(config_name)) {
    fail(Fault::model_empty,
         "{}: it holds an adapter (adapter_config.json), which has no unembedding matrix of its "
         "own; give the model that it adapts, or merge the two and save the result",
         directory.string());
  }
  if (const auto pickle = std::ranges::find_if(names, is_pickle); pickle != names.end()) {
    fail(Fault::pickle_only,
         "{}: it holds pickles ({}), which can run any code when they are loaded and are not read "
         "here; convert them: load the model in transformers and call save_pretrained(DIR)",
         directory.string(), *pickle);
  }
  const auto other = std::ranges::find_if(
      names, [](const std::string& name) { return name.ends_with(".safetensors"); });
  if (other != names.end()) {
    fail(Fault::model_empty,
         "{}: it holds no safetensors checkpoint, neither {} nor {}, though there is {}; {}, or "
         "give "
         "that file and --tensor",
         directory.string(), single_name, index_name, *other,
         remedy.empty() ? "download what is missing" : remedy);
  }
  fail(Fault::model_empty, "{}: it holds no safetensors checkpoint, neither {} nor {}; {}",
       directory.string(), single_name, index_name,
       remedy.empty() ? "give the directory that has one" : remedy);
}

}  // namespace

Checkpoint::Checkpoint(fs::path path, std::string remedy)
    : path_(std::move(path)), remedy_(std::move(remedy)), is_file_(!opens_as_directory(path_)) {
  if (is_file_) {
    only_shard_ = std::make_shared<Shard>(path_);
    return;
  }
  if (is_there(path_ / single_name)) {
    only_shard_ = std::make_shared<Shard>(path_ / single_name);
  } else if (const fs::path index = path_ / index_name; is_there(index)) {
    weight_map_ =
        parse_shard_index(read_text(index, max_json_bytes, Fault::index_invalid), index.string());
  } else {
    fail_without_weights(path_, remedy_);
  }
  read_config();
}

void Checkpoint::read_config() {
  try {
    const fs::path file = path_ / config_name;
    if (!is_there(file)) return;
    config_ = parse_config(read_text(file, max_json_bytes, Fault::config_invalid), file.string());
  } catch (const Error& error) {
    config_error_ = error;
  }
}

bool Checkpoint::has(std::string_view tensor) const {
  return only_shard_ ? only_shard_->header.find(tensor).has_value() : weight_map_.contains(tensor);
}

std::vector<std::string_view> Checkpoint::names() const {
  std::vector<std::string_view> names;
  if (only_shard_) {
    const safetensors::Header& header = only_shard_->header;
    names.reserve(header.size());
    for (std::size_t i = 0; i < header.size(); ++i) names.push_back(header.tensor_name(i));
  } else {
    names.reserve(weight_map_.size());
    for (const auto& [tensor, shard] : weight_map_) names.push_back(tensor);
  }
  return names;
}

std::string Checkpoint::shard_of(std::string_view tensor) const {
  if (only_shard_) return only_shard_->source.path().filename().string();
  return weight_map_.find(tensor)->second;
}

std::shared_ptr<const Shard> Checkpoint::open_shard(std::string_view tensor) const {
  if (only_shard_) return only_shard_;
  const fs::path file = path_ / shard_of(tensor);
  if (!is_there(file)) {
    fail(Fault::shard_missing, "{}: no such file, though {} says that it holds the tensor {}; {}",
         file.string(), index_name, tensor,
         remedy_.empty() ? "the download is incomplete, run it again" : remedy_);
  }
  return std::make_shared<Shard>(file);
}

std::vector<fs::path> Checkpoint::files() const {
  if (is_file_) return {path_};
  std::set<fs::path> files = {path_ / config_name};
  if (only_shard_) files.insert(only_shard_->source.path());
  if (!only_shard_) files.insert(path_ / index_name);
  for (const auto& [tensor, shard] : weight_map_) files.insert(path_ / shard);
  return {files.begin(), files.end()};
}

}  // namespace gamma_extract
