#ifndef GAMMA_EXTRACT_SHARD_INDEX_H_
#define GAMMA_EXTRACT_SHARD_INDEX_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>

/// model.safetensors.index.json, which says where the tensors of a sharded checkpoint are:
///
///     {"metadata": {"total_size": 8045591552},
///      "weight_map": {"model.embed_tokens.weight": "model-00001-of-00003.safetensors", ...}}
///
/// `total_size` is not read: real indexes have it wrong.
namespace gamma_extract {

/// The file name, relative to the index, of the shard that holds each tensor.
using WeightMap = std::map<std::string, std::string, std::less<>>;

/// Whether `name` can only name something below the directory of the checkpoint, judged by its
/// text: a link may lead out, as all do in the Hugging Face cache, but whoever made the link
/// decided that.
bool stays_inside(const std::string& name);

/// Parses the text of an index. `file` names it in messages. Throws index_invalid where it is no
/// JSON object with a `weight_map` from strings to strings, or a key stands twice, and
/// index_escapes where a shard's name leads out of the checkpoint's directory.
WeightMap parse_shard_index(std::string_view text, std::string_view file);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_SHARD_INDEX_H_
