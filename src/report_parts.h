#ifndef GAMMA_EXTRACT_REPORT_PARTS_H_
#define GAMMA_EXTRACT_REPORT_PARTS_H_

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "gamma_extract/text.h"

/// What the reports of all commands are made of.
namespace gamma_extract::cli {

using Json = nlohmann::ordered_json;

/// Bytes that are no UTF-8 stand as U+FFFD.
inline Json json_of(const std::string& text) {
  return to_utf8(text);
}

/// null where there is nothing.
template <class Value>
Json json_of(const std::optional<Value>& value) {
  if (!value) return nullptr;
  if constexpr (std::is_same_v<Value, std::string>) return json_of(*value);
  return *value;
}

inline Json json_of(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(json_of(text));
  return list;
}

/// All but ASCII escaped: a name may hold what a terminal would take for a command. `indent` below
/// 0 puts all on one line.
inline std::string json_text(const Json& json, int indent) {
  constexpr bool ensure_ascii = true;
  return json.dump(indent, ' ', ensure_ascii);
}

/// For a person: the name of something in a column of so many cells, and what it is.
inline constexpr std::size_t name_cells = 16;
inline std::string line(std::string_view name, std::string_view text) {
  return fmt::format("{:<{}}{}\n", name, name_cells, text);
}

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_REPORT_PARTS_H_
