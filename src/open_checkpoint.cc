#include "open_checkpoint.h"

#include <string>

#include "gamma_extract/error.h"

namespace gamma_extract {

Checkpoint open_checkpoint(const ModelLocation& location) try {
  return location.files ? Checkpoint(location.files) : Checkpoint(location.path);
} catch (const Error& error) {
  const std::string path = location.path.string();
  const bool is_index = !location.files && path.ends_with(".safetensors.index.json");
  if (!is_index || error.fault() == Fault::model_missing) throw;
  fail(error.fault(), "{}: it is the index of a checkpoint, not a file of it; give its directory",
       path);
}

}  // namespace gamma_extract
