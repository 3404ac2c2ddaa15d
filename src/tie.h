#ifndef GAMMA_EXTRACT_TIE_H_
#define GAMMA_EXTRACT_TIE_H_

#include <optional>
#include <string>

#include "gamma_extract/config.h"
#include "gamma_extract/families.h"

/// Whether a model's embedding stands in for a head that is missing: what the config says, where it
/// says it, and what its model type makes of it.
namespace gamma_extract {

struct Tie {
  std::optional<bool> tied;  ///< nothing where nobody says: an unknown type, and no flag
  std::string because;       ///< a clause for a person: "tie_word_embeddings is false"
};

/// `family` is that of the config's model type, or nothing: then the flag that is there counts, and
/// two that disagree say nothing.
Tie tie_of(const Config& config, const Family* family);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_TIE_H_
