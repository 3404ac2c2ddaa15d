#include "missing_weights.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "gamma_extract/error.h"

namespace gamma_extract {
namespace {

using Names = std::set<std::string>;

bool is_pickle(std::string_view name) {
  return (name.starts_with("pytorch_model") && name.ends_with(".bin")) || name.ends_with(".pt") ||
         name.ends_with(".pth") || name.ends_with(".ckpt");
}

bool is_gguf(std::string_view name) {
  return name.ends_with(".gguf");
}

bool is_safetensors(std::string_view name) {
  return name.ends_with(".safetensors");
}

std::optional<std::string> first(const Names& names, bool (*wanted)(std::string_view)) {
  const auto found = std::ranges::find_if(names, wanted);
  return found == names.end() ? std::nullopt : std::optional(*found);
}

void require_no_adapter(const std::string& path, const Names& names) {
  if (!is_adapter(names)) return;
  fail(Fault::adapter_only,
       "{}: it holds an adapter (adapter_config.json), which has no unembedding matrix of its own; "
       "give the model that it adapts, or merge the two and save the result",
       path);
}

}  // namespace

bool is_adapter(const Names& names) {
  return names.contains("adapter_config.json") && !names.contains("config.json");
}

void require_no_adapter(const CheckpointFiles& files) {
  require_no_adapter(files.path().string(), files.names());
}

void fail_without_weights(const CheckpointFiles& files, const Names& names) {
  constexpr std::string_view neither =
      "it holds no safetensors checkpoint, neither model.safetensors nor "
      "model.safetensors.index.json";
  const std::string path = files.path().string();
  const std::string& remedy = files.remedy();
  require_no_adapter(path, names);
  if (const auto file = first(names, is_safetensors)) {
    fail(Fault::model_empty, "{}: {}, though there is {}; {}, or give that file and --tensor", path,
         neither, *file, remedy.empty() ? "download what is missing" : remedy);
  }
  if (const auto file = first(names, is_pickle)) {
    fail(Fault::pickle_only,
         "{}: it holds pickles ({}), which can run any code when they are loaded and are not read "
         "here; convert them: load the model in transformers and call save_pretrained(DIR)",
         path, *file);
  }
  if (const auto file = first(names, is_gguf)) {
    fail(Fault::gguf_only,
         "{}: it holds GGUF files ({}), whose matrices are mostly quantised and are not read here; "
         "give the safetensors checkpoint that they were made from",
         path, *file);
  }
  fail(Fault::model_empty, "{}: {}; {}", path, neither,
       remedy.empty() ? "give the directory that has one" : remedy);
}

}  // namespace gamma_extract
