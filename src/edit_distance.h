#ifndef GAMMA_EXTRACT_EDIT_DISTANCE_H_
#define GAMMA_EXTRACT_EDIT_DISTANCE_H_

#include <cstddef>
#include <string_view>

/// How far a typed word is from the one that was meant.
namespace gamma_extract {

/// Letters to insert, remove or replace, and neighbours to swap, to get from one to the other (the
/// restricted Damerau-Levenshtein distance). Time is the product of the lengths.
std::size_t edit_distance(std::string_view left, std::string_view right);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_EDIT_DISTANCE_H_
