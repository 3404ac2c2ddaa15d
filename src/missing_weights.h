#ifndef GAMMA_EXTRACT_MISSING_WEIGHTS_H_
#define GAMMA_EXTRACT_MISSING_WEIGHTS_H_

#include <filesystem>
#include <string>

/// What a directory is that holds no checkpoint.
namespace gamma_extract {

/// Throws adapter_only where the directory has adapter_config.json and no config.json.
void require_no_adapter(const std::filesystem::path& directory);

/// Says, as far as its names tell, what is in a directory without safetensors weights, and what to
/// give instead. Throws adapter_only, pickle_only, gguf_only, model_empty; file_unreadable where it
/// cannot be listed.
/// `remedy` is what to advise where a file is missing; empty: to look at the directory.
[[noreturn]] void fail_without_weights(const std::filesystem::path& directory,
                                       const std::string& remedy);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MISSING_WEIGHTS_H_
