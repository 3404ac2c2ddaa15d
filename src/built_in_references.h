#ifndef GAMMA_EXTRACT_BUILT_IN_REFERENCES_H_
#define GAMMA_EXTRACT_BUILT_IN_REFERENCES_H_

#include <optional>
#include <string_view>

/// The references that the program knows by name.
namespace gamma_extract {

/// The JSON of the built-in reference of that name, or nothing.
std::optional<std::string_view> built_in_reference(std::string_view name);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_BUILT_IN_REFERENCES_H_
