#ifndef GAMMA_EXTRACT_JSON_OBJECT_H_
#define GAMMA_EXTRACT_JSON_OBJECT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "gamma_extract/error.h"

/// A small JSON file that a stranger wrote, as a tree. (The header of a safetensors file, which may
/// be large, is read as events instead.)
namespace gamma_extract {

enum class RepeatedKeys : std::uint8_t { last_counts, refused };

/// Parses `text`, which must be one object. `file` names it in messages, which end in `remedy`.
/// Throws `invalid` where it is not valid JSON, not an object, nested deeper than 100, or has a
/// repeated key that is refused.
nlohmann::json parse_json_object(std::string_view text, std::string_view file, Fault invalid,
                                 RepeatedKeys repeated,
                                 std::string_view remedy = "get the file again");

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_JSON_OBJECT_H_
