#include "json_object.h"

#include <set>
#include <string>
#include <vector>

namespace gamma_extract {
namespace {

using nlohmann::json;

// A tree is freed and walked by recursion in places; no honest file comes near.
constexpr int max_depth = 100;

/// The parser's own words, without its prefix "[json.exception.parse_error.101] ".
std::string_view reason(const json::exception& error) {
  const std::string_view text = error.what();
  const std::size_t end = text.find("] ");
  return end == std::string_view::npos ? text : text.substr(end + 2);
}

}  // namespace

json parse_json_object(std::string_view text, std::string_view file, Fault invalid,
                       RepeatedKeys repeated, std::string_view remedy) {
  // The parser takes a NUL for the end, and would not look at what follows.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    fail(invalid, "{}: byte {} is NUL, which JSON does not allow; {}", file, nul, remedy);
  }
  std::vector<std::set<std::string>> keys;  // of each object that is open
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > max_depth) {
      fail(invalid, "{}: it is nested deeper than {}; {}", file, max_depth, remedy);
    }
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && repeated == RepeatedKeys::refused) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) {
        fail(invalid, "{}: the key {} stands twice; {}", file, key, remedy);
      }
    }
    return true;
  };
  try {
    json root = json::parse(text.begin(), text.end(), watch);
    if (!root.is_object()) {
      fail(invalid, "{}: it is a JSON {}, not an object; {}", file, root.type_name(), remedy);
    }
    return root;
  } catch (const json::exception& error) {
    fail(invalid, "{}: it is not valid JSON: {}; {}", file, reason(error), remedy);
  }
}

}  // namespace gamma_extract
