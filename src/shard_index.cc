#include "shard_index.h"

#include <algorithm>
#include <filesystem>

#include "gamma_extract/error.h"
#include "json_object.h"

namespace gamma_extract {
using nlohmann::json;

bool stays_inside(const std::string& name) {
  // A backslash divides the parts of a path elsewhere; a NUL would end the name early.
  const std::filesystem::path path(name);
  return !path.empty() && !path.is_absolute() &&
         name.find_first_of(std::string("\\\0", 2)) == std::string::npos &&
         std::ranges::find(path, "..") == path.end();
}

WeightMap parse_shard_index(std::string_view text, std::string_view file) {
  const json index = parse_json_object(text, file, Fault::index_invalid, RepeatedKeys::refused);
  const auto weight_map = index.find("weight_map");
  if (weight_map == index.end() || !weight_map->is_object()) {
    fail(Fault::index_invalid, "{}: it has no object weight_map; get the file again", file);
  }
  WeightMap result;
  for (const auto& [tensor, shard] : weight_map->items()) {
    if (!shard.is_string()) {
      fail(Fault::index_invalid,
           "{}: the shard of {} is a JSON {}, not a string; get the file again", file, tensor,
           shard.type_name());
    }
    const auto& name = shard.get_ref<const std::string&>();
    if (!stays_inside(name)) {
      fail(Fault::index_escapes,
           "{}: the shard of {} is \"{}\", which does not name a file of this directory; "
           "do not trust this checkpoint",
           file, tensor, name);
    }
    result.emplace_hint(result.end(), tensor, name);
  }
  return result;
}

}  // namespace gamma_extract
