#include "open_checkpoint.h"

#include <string>

#include "file_type.h"
#include "gamma_extract/error.h"

namespace gamma_extract {
namespace {

bool is_file(const ModelLocation& location) {
  return !location.files && file_type_of(location.path) == std::filesystem::file_type::regular;
}

/// Whether an error is one of the file's content, and not that it is missing or cannot be read.
bool is_of_the_format(Fault fault) {
  return fault >= Fault::header_too_small && fault <= Fault::git_lfs_pointer;
}

}  // namespace

Checkpoint open_checkpoint(const ModelLocation& location) try {
  return location.files ? Checkpoint(location.files) : Checkpoint(location.path);
} catch (const Error& error) {
  const std::string path = location.path.string();
  const bool is_json = !location.files && path.ends_with(".json");
  if (!is_json || !is_of_the_format(error.fault())) throw;
  fail(error.fault(), "{}: it is {}, and holds no tensors; give its directory", path,
       path.ends_with(".safetensors.index.json") ? "the index of a checkpoint" : "a JSON file");
}

Checkpoint open_unnamed(const ModelLocation& location) try {
  return open_checkpoint(location);
} catch (const Error& error) {
  if (!is_of_the_format(error.fault()) || !is_file(location)) throw;
  const std::string path = location.path.string();
  if (path.ends_with(".json")) throw Error(Fault::usage, error.what());
  fail(Fault::usage,
       "{}: it is a file, and nothing says which of its tensors is meant; give --tensor, or the "
       "directory of the checkpoint",
       path);
}

}  // namespace gamma_extract
