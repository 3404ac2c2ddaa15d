#ifndef GAMMA_EXTRACT_ERROR_H_
#define GAMMA_EXTRACT_ERROR_H_

#include <fmt/core.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

/// What can go wrong, as values.
///
/// Every rule that the program enforces has one entry in Fault, so that a test can name the rule
/// that it checks and a message can be reworded without breaking one. The entry decides the exit
/// code; the text of an Error is for a person. Nothing below the command line prints an error or
/// exits: it throws, everything it owns is released on the way up, and `main` prints one line.
namespace gamma_extract {

/// The rules, in the order of the rooms that enforce them.
enum class Fault : std::uint8_t {
  // Usage (exit code 2).
  usage,
  endpoint_invalid,  ///< HF_ENDPOINT is no address
  device_unavailable,
  libtorch_unavailable,

  // Reading a file (3).
  file_missing,
  file_unreadable,
  file_not_regular,
  file_truncated,
  file_changed,
  out_of_memory,

  // The safetensors format (3): one entry for each rule of the reference reader.
  header_too_small,
  header_too_large,
  header_beyond_file,
  header_not_utf8,
  header_not_json,
  header_not_object,
  header_too_deep,
  header_duplicate_key,
  metadata_not_strings,
  tensor_not_object,
  tensor_field_missing,
  tensor_dtype_unknown,
  tensor_shape_invalid,
  tensor_offsets_invalid,
  tensor_size_overflow,
  tensor_misaligned,
  tensor_size_mismatch,
  tensor_hole_or_overlap,
  data_incomplete,
  git_lfs_pointer,

  // Where the model is (3).
  model_missing,
  model_id_invalid,
  model_not_cached,
  revision_invalid,
  revision_not_cached,
  ref_invalid,
  snapshot_missing,
  home_unknown,

  // What the Hub says of a model (3).
  repository_not_found,  ///< missing, or private to whoever asks
  repository_gated,
  repository_disabled,
  revision_not_found,
  token_refused,

  // The checkpoint, and which tensor of it is the unembedding matrix (3).
  model_empty,
  adapter_only,
  pickle_only,
  gguf_only,
  config_missing,
  config_invalid,
  weights_escape,
  model_type_unsupported,
  model_is_encoder,
  model_is_classifier,
  model_is_bare,
  index_invalid,
  index_escapes,
  shard_missing,
  tensor_missing,
  tensor_not_in_shard,
  tensor_ambiguous,
  tensor_not_tied,
  head_quantised,
  tensor_not_matrix,
  tensor_dtype_unsupported,
  matrix_empty,

  // The values (3).
  value_nonfinite,
  value_overflow,

  // The reference to check against (3).
  check_reference_invalid,
  check_reference_empty,

  // A directory of written files (3).
  set_directory_missing,
  set_missing,

  // What a run finds false: its own self-check, the check against a reference, a set of files (1).
  self_check_failed,
  check_failed,
  verification_failed,

  // The output (4).
  output_unwritable,
  output_exists,
  output_is_input,
  output_disk_full,
  output_file_limit,
  output_stdout,

  // The network (5).
  network_unreachable,  ///< no such host, or nobody answers there
  network_timeout,      ///< nothing came for too long, or next to nothing
  network_interrupted,  ///< the connection ended before the answer did
  certificate_invalid,  ///< who answers cannot prove to be the host
  redirect_invalid,     ///< in a circle, too many, or to what is no web address
  hub_unavailable,      ///< 408 or 5xx, to the last try
  hub_rate_limited,     ///< 429, for longer than anyone waits
  hub_refused,          ///< a status that nothing else here explains
  hub_answer_invalid,   ///< no commit, no size, or text that is not what was asked for
  hub_answer_too_large,
  range_not_honoured,     ///< no 206, or another range than was asked for
  encoding_not_identity,  ///< compressed though nobody asked for that
  hub_file_changed,       ///< another ETag or size than before, at one commit
};

/// The exit code that goes with a fault: 1 to 5, as the README's table says.
int exit_code(Fault fault);

/// Whether it lies between here and the Hub (5), and not with the model.
bool is_of_the_network(Fault fault);

/// One broken rule. The text is `WHAT: WHY; REMEDY`, one line, with names as they stand in the
/// file (the printer escapes control characters), actual and expected values, and what to do.
class Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& text) : std::runtime_error(text), fault_(fault) {}

  [[nodiscard]] Fault fault() const noexcept { return fault_; }

 private:
  Fault fault_;
};

/// Throws an Error with a formatted text.
template <class... Args>
[[noreturn]] void fail(Fault fault, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fault, fmt::format(format, std::forward<Args>(args)...));
}

/// The words for an errno value, from the C library ("No space left on device").
std::string system_message(int error_number);

/// What helps where a file or a directory cannot be opened or looked at, by the errno value:
/// "check that you may read it".
std::string_view reading_remedy(int error_number);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_ERROR_H_
