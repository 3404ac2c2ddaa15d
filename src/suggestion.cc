#include "suggestion.h"

#include <algorithm>
#include <cstddef>

#include "edit_distance.h"
#include "gamma_extract/text.h"

namespace gamma_extract {
namespace {

/// Two letters say too little to be the beginning of a word.
bool begins(std::string_view beginning, std::string_view word) {
  return beginning.size() >= 3 && word.starts_with(beginning);
}

}  // namespace

std::optional<std::string> nearest(std::string_view typed,
                                   std::span<const std::string> candidates) {
  const std::string word = lower_case(typed);
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    // A whole beginning is as near as one wrong letter.
    const std::size_t distance = begins(word, candidate) || begins(candidate, word)
                                     ? std::min<std::size_t>(1, edit_distance(word, candidate))
                                     : edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace gamma_extract
