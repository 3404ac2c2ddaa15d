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
constexpr const char* adapter_name = "adapter_model.safetensors";
constexpr const char* incomplete_download = "the download is incomplete, run it again";

// The largest index known has some 10 MB.
constexpr std::uint64_t max_json_bytes = 64'000'000;

/// Whether `path` is a directory, following links. Throws model_missing where there is nothing.
bool opens_as_directory(const fs::path& path) {
  const fs::file_type type = file_type_of(path);
  if (type == fs::file_type::not_found) fail_model_missing(path.string());
  return type == fs::file_type::directory;
}

bool is_index(std::string_view name) {
  return name.ends_with(".json");
}

/// Refuses what `transformers_weights` may not be.
void require_weights_name(const std::string& name, const std::string& config) {
  if (!stays_inside(name)) {
    fail(Fault::weights_escape,
         "{}: transformers_weights is \"{}\", which does not name a file of this directory; do not "
         "trust this checkpoint",
         config, name);
  }
  if (!name.ends_with(".safetensors") && !name.ends_with(".safetensors.index.json")) {
    fail(Fault::config_invalid,
         "{}: transformers_weights is \"{}\", which is neither a safetensors file nor an index of "
         "such files (.safetensors.index.json); correct it",
         config, name);
  }
}

std::string remedy(const CheckpointFiles& files) {
  return files.remedy().empty() ? incomplete_download : files.remedy();
}

}  // namespace

Checkpoint::Checkpoint(fs::path path) : path_(std::move(path)) {
  if (!opens_as_directory(path_)) {
    only_shard_ = std::make_shared<Shard>(std::make_unique<FileSource>(path_));
    return;
  }
  files_ = std::make_shared<DirectoryFiles>(path_);
  read_config();
  read_weights();
}

Checkpoint::Checkpoint(std::shared_ptr<const CheckpointFiles> files)
    : path_(files->path()), files_(std::move(files)) {
  read_config();
  read_weights();
}

void Checkpoint::read_config() {
  try {
    const auto text = files_->find_text(config_name, max_json_bytes, Fault::config_invalid);
    if (text) config_ = parse_config(*text, files_->path_of(config_name).string());
  } catch (const Error& error) {
    // What the network withholds is not known to be missing or wrong.
    if (is_of_the_network(error.fault())) throw;
    config_error_ = error;
  }
}

/// What the config names instead of the usual files is asked first, as transformers does.
void Checkpoint::read_weights() {
  if (config_ && config_->transformers_weights) {
    const std::string& name = *config_->transformers_weights;
    require_weights_name(name, files_->path_of(config_name).string());
    if (take_weights(name)) return;
    fail(Fault::shard_missing,
         "{}: no such file, though config.json says that it holds the weights; {}",
         files_->path_of(name).string(), remedy(*files_));
  }
  if (take_weights(single_name) || take_weights(index_name)) return;
  // No rule takes a matrix of an adapter, but whoever names a tensor of it may have it.
  const std::set<std::string> names = files_->names();
  if (is_adapter(names) && take_weights(adapter_name)) return;
  fail_without_weights(*files_, names);
}

/// Whether there is a file of that name: then it is the only shard, or the index.
bool Checkpoint::take_weights(const std::string& name) {
  if (is_index(name)) {
    const auto text = files_->find_text(name, max_json_bytes, Fault::index_invalid);
    if (!text) return false;
    weight_map_ = parse_shard_index(*text, files_->path_of(name).string());
  } else {
    auto source = files_->find(name);
    if (!source) return false;
    only_shard_ = std::make_shared<Shard>(std::move(source));
  }
  weights_name_ = name;
  return true;
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
  if (is_file()) return path_.filename().string();
  if (only_shard_) return weights_name_;
  return weight_map_.find(tensor)->second;
}

std::shared_ptr<const Shard> Checkpoint::open_shard(std::string_view tensor) const {
  if (only_shard_) return only_shard_;
  const std::string name = shard_of(tensor);
  auto source = files_->find(name);
  if (!source) {
    fail(Fault::shard_missing, "{}: no such file, though {} says that it holds the tensor {}; {}",
         files_->path_of(name).string(), weights_name_, tensor, remedy(*files_));
  }
  return std::make_shared<Shard>(std::move(source));
}

std::vector<fs::path> Checkpoint::inputs() const {
  if (is_file()) return {path_};
  std::set<fs::path> inputs = {files_->path_of(config_name), files_->path_of(weights_name_)};
  for (const auto& [tensor, shard] : weight_map_) inputs.insert(files_->path_of(shard));
  return {inputs.begin(), inputs.end()};
}

}  // namespace gamma_extract
