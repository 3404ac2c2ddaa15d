#include "missing_weights.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include "directory_names.h"
#include "gamma_extract/error.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
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

}  // namespace

void require_no_adapter(const fs::path& directory) {
  std::error_code ignored;
  if (fs::exists(directory / "config.json", ignored) ||
      !fs::exists(directory / "adapter_config.json", ignored)) {
    return;
  }
  fail(Fault::adapter_only,
       "{}: it holds an adapter (adapter_config.json), which has no unembedding matrix of its own; "
       "give the model that it adapts, or merge the two and save the result",
       directory.string());
}

void fail_without_weights(const fs::path& directory, const std::string& remedy) {
  constexpr std::string_view neither =
      "it holds no safetensors checkpoint, neither model.safetensors nor "
      "model.safetensors.index.json";
  const Names names = directory_names(directory);
  require_no_adapter(directory);
  if (const auto file = first(names, is_safetensors)) {
    fail(Fault::model_empty, "{}: {}, though there is {}; {}, or give that file and --tensor",
         directory.string(), neither, *file, remedy.empty() ? "download what is missing" : remedy);
  }
  if (const auto file = first(names, is_pickle)) {
    fail(Fault::pickle_only,
         "{}: it holds pickles ({}), which can run any code when they are loaded and are not read "
         "here; convert them: load the model in transformers and call save_pretrained(DIR)",
         directory.string(), *file);
  }
  if (const auto file = first(names, is_gguf)) {
    fail(Fault::gguf_only,
         "{}: it holds GGUF files ({}), whose matrices are mostly quantised and are not read here; "
         "give the safetensors checkpoint that they were made from",
         directory.string(), *file);
  }
  fail(Fault::model_empty, "{}: {}; {}", directory.string(), neither,
       remedy.empty() ? "give the directory that has one" : remedy);
}

}  // namespace gamma_extract
