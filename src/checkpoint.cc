#include "gamma_extract/checkpoint.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <system_error>
#include <utility>

#include "file_type.h"
#include "missing_model.h"
#include "missing_weights.h"
#include "shard_index.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

constexpr const char* single_name = "model.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";
constexpr const char* config_name = "config.json";
constexpr const char* incomplete_download = "the download is incomplete, run it again";

// The largest index known has some 10 MB.
constexpr std::uint64_t max_json_bytes = 64'000'000;

/// Whether `path` is a directory, following links. Throws model_missing where there is nothing.
bool opens_as_directory(const fs::path& path) {
  const fs::file_type type = file_type_of(path);
  if (type == fs::file_type::not_found) fail_model_missing(path.string());
  return type == fs::file_type::directory;
}

/// What the config says instead of the usual names, if it does.
std::optional<std::string> weights_named(const fs::path& directory,
                                         const std::optional<Config>& config,
                                         const std::string& remedy) {
  if (!config || !config->transformers_weights) return std::nullopt;
  const std::string& name = *config->transformers_weights;
  const std::string file = (directory / config_name).string();
  if (!stays_inside(name)) {
    fail(Fault::weights_escape,
         "{}: transformers_weights is \"{}\", which does not name a file of this directory; do not "
         "trust this checkpoint",
         file, name);
  }
  if (!name.ends_with(".safetensors") && !name.ends_with(".safetensors.index.json")) {
    fail(Fault::config_invalid,
         "{}: transformers_weights is \"{}\", which is neither a safetensors file nor an index of "
         "such files (.safetensors.index.json); correct it",
         file, name);
  }
  if (!is_named(directory / name)) {
    fail(Fault::shard_missing,
         "{}: no such file, though config.json says that it holds the weights; {}",
         (directory / name).string(), remedy.empty() ? incomplete_download : remedy);
  }
  return name;
}

/// The name of the file that has all tensors, or of the index, relative to the directory. The
/// config is asked first, as transformers does.
std::string weights_name(const fs::path& directory, const std::optional<Config>& config,
                         const std::string& remedy) {
  if (const auto name = weights_named(directory, config, remedy)) return *name;
  for (const char* name : {single_name, index_name}) {
    if (is_named(directory / name)) return name;
  }
  fail_without_weights(directory, remedy);
}

}  // namespace

Checkpoint::Checkpoint(fs::path path, std::string remedy)
    : path_(std::move(path)), remedy_(std::move(remedy)), is_file_(!opens_as_directory(path_)) {
  if (is_file_) {
    only_shard_ = std::make_shared<Shard>(path_);
    return;
  }
  read_config();
  weights_name_ = weights_name(path_, config_, remedy_);
  const fs::path weights = path_ / weights_name_;
  if (weights_name_.ends_with(".json")) {
    weight_map_ = parse_shard_index(read_text(weights, max_json_bytes, Fault::index_invalid),
                                    weights.string());
  } else {
    only_shard_ = std::make_shared<Shard>(weights);
  }
}

void Checkpoint::read_config() {
  try {
    const fs::path file = path_ / config_name;
    if (!is_named(file)) return;
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
  if (is_file_) return path_.filename().string();
  if (only_shard_) return weights_name_;
  return weight_map_.find(tensor)->second;
}

std::shared_ptr<const Shard> Checkpoint::open_shard(std::string_view tensor) const {
  if (only_shard_) return only_shard_;
  const fs::path file = path_ / shard_of(tensor);
  if (!is_named(file)) {
    fail(Fault::shard_missing, "{}: no such file, though {} says that it holds the tensor {}; {}",
         file.string(), weights_name_, tensor, remedy_.empty() ? incomplete_download : remedy_);
  }
  return std::make_shared<Shard>(file);
}

std::vector<fs::path> Checkpoint::files() const {
  if (is_file_) return {path_};
  std::set<fs::path> files = {path_ / config_name, path_ / weights_name_};
  for (const auto& [tensor, shard] : weight_map_) files.insert(path_ / shard);
  return {files.begin(), files.end()};
}

}  // namespace gamma_extract
