#ifndef GAMMA_EXTRACT_FAMILIES_H_
#define GAMMA_EXTRACT_FAMILIES_H_

#include <cstdint>
#include <string_view>
#include <vector>

/// What differs between model types: the names of head and embedding, and when the two are tied.
///
/// The table (src/families.cc) is data, a line a family; a family is all model types that are alike
/// in this. It is what transformers does with checkpoints that transformers saved: every line was
/// tried so (tests/oracles/make_families.py), and has fixtures, tied and not.
namespace gamma_extract {

/// Which `tie_word_embeddings` says whether the embedding stands in for a head that is missing. A
/// config that wraps a text model's (`text_config`) can have two: outside and inside.
enum class TieFlag : std::uint8_t {
  outer,
  inner,
  first,   ///< the outer one, and where that is absent the inner one
  either,  ///< tied if one of the two is true
  always,  ///< tied, whatever the config says
  never,   ///< never tied, whatever the config says
};

/// A line of the table.
struct Family {
  using Names = std::vector<std::string_view>;

  Names model_types;
  /// Names that an output matrix of its own may have. Two of them in one checkpoint are ambiguous.
  Names heads;
  /// Names that the input embedding may have, when it stands in for the head: the best first. Two
  /// that differ only in what comes before the last module (`embed_tokens`) are ambiguous.
  Names embeddings;
  TieFlag flag = TieFlag::outer;
  /// What counts where the flag is absent; an inner flag has the default of the inner model's type.
  bool tied_by_default = false;
};

/// The families known.
const std::vector<Family>& families();

/// The family of that model type, or nothing.
const Family* find_family(std::string_view model_type);

/// The names that are common among model types that the table lacks, those of the original formats
/// (as published before a conversion for transformers) included. It names no types, and its default
/// means nothing: an unknown type has none.
const Family& common_names();

/// Whether a model type is an encoder, which has no causal head in transformers: its bare class is
/// published for sentence embeddings and the like.
bool is_encoder(std::string_view model_type);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_FAMILIES_H_
