#ifndef GAMMA_EXTRACT_MISSING_WEIGHTS_H_
#define GAMMA_EXTRACT_MISSING_WEIGHTS_H_

#include <set>
#include <string>

#include "gamma_extract/checkpoint_files.h"

/// What a directory is that holds no checkpoint.
namespace gamma_extract {

/// Whether a directory of these names is an adapter: adapter_config.json, and no config.json.
bool is_adapter(const std::set<std::string>& names);

/// Throws adapter_only where it is an adapter.
void require_no_adapter(const CheckpointFiles& files);

/// Says, as far as the names tell, what there is instead of safetensors weights, and what to give
/// instead. `names` are those of `files`. Throws adapter_only, pickle_only, gguf_only, model_empty.
[[noreturn]] void fail_without_weights(const CheckpointFiles& files,
                                       const std::set<std::string>& names);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MISSING_WEIGHTS_H_
