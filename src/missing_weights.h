#ifndef GAMMA_EXTRACT_MISSING_WEIGHTS_H_
#define GAMMA_EXTRACT_MISSING_WEIGHTS_H_

#include "gamma_extract/checkpoint_files.h"

/// What a directory is that holds no checkpoint.
namespace gamma_extract {

/// Throws adapter_only where there is adapter_config.json and no config.json.
void require_no_adapter(const CheckpointFiles& files);

/// Says, as far as the names tell, what there is instead of safetensors weights, and what to give
/// instead. Throws adapter_only, pickle_only, gguf_only, model_empty; and what listing them throws.
[[noreturn]] void fail_without_weights(const CheckpointFiles& files);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MISSING_WEIGHTS_H_
