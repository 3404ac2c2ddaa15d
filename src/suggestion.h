#ifndef GAMMA_EXTRACT_SUGGESTION_H_
#define GAMMA_EXTRACT_SUGGESTION_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

/// "Did you mean": the word that was probably meant.
namespace gamma_extract {

/// The candidate nearest to `typed`, or nothing where none is near: one of which the other is the
/// beginning, else the one with the least edit distance (insertions, deletions, replacements,
/// swaps of neighbours), at most a third of the typed letters, and at least one. Case is ignored.
std::optional<std::string> nearest(std::string_view typed, std::span<const std::string> candidates);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_SUGGESTION_H_
