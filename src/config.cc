#include "gamma_extract/config.h"

#include <algorithm>
#include <array>

#include "json_object.h"

namespace gamma_extract {
namespace {

using nlohmann::json;

/// Replaces the words that Python's json writes for numbers that JSON does not have. None of the
/// values wanted here is such a number, so that null, which counts as absent, serves for all.
std::string without_bare_words(std::string_view text) {
  static constexpr std::array<std::string_view, 3> words = {"-Infinity", "Infinity", "NaN"};
  std::string result;
  result.reserve(text.size());
  bool in_string = false;
  while (!text.empty()) {
    const auto* const word = std::ranges::find_if(
        words, [&](std::string_view each) { return !in_string && text.starts_with(each); });
    if (word != words.end()) {
      result += "null";
      text.remove_prefix(word->size());
      continue;
    }
    const bool escape = in_string && text.front() == '\\';
    if (text.front() == '"') in_string = !in_string;
    const std::string_view piece = text.substr(0, escape ? 2 : 1);
    result += piece;
    text.remove_prefix(piece.size());
  }
  return result;
}

/// The members of one config, by key, each of the type that is asked for.
class Members {
 public:
  Members(const json& object, std::string_view file) : object_(object), file_(file) {}

  [[nodiscard]] std::optional<std::string> string(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    require(value->is_string(), key, "a string", *value);
    return value->get<std::string>();
  }

  [[nodiscard]] std::optional<bool> boolean(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    require(value->is_boolean(), key, "true or false", *value);
    return value->get<bool>();
  }

  [[nodiscard]] std::optional<std::uint64_t> count(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    require(value->is_number_unsigned(), key, "a whole number of 0 or more", *value);
    return value->get<std::uint64_t>();
  }

  [[nodiscard]] std::vector<std::string> strings(const char* key) const {
    std::vector<std::string> result;
    const json* value = find(key);
    if (value == nullptr) return result;
    require(value->is_array(), key, "a list of strings", *value);
    for (const json& element : *value) {
      require(element.is_string(), key, "a list of strings", element);
      result.push_back(element.get<std::string>());
    }
    return result;
  }

 private:
  [[nodiscard]] const json* find(const char* key) const {
    const auto member = object_.find(key);
    return member == object_.end() || member->is_null() ? nullptr : &*member;
  }

  void require(bool holds, const char* key, const char* expected, const json& value) const {
    if (holds) return;
    fail(Fault::config_invalid, "{}: {} has the value {}, not {}; correct it", file_, key,
         excerpt(value), expected);
  }

  static std::string excerpt(const json& value) {
    if (value.is_structured()) return value.is_array() ? "[...]" : "{...}";
    return value.dump(-1, ' ', true, json::error_handler_t::replace);
  }

  const json& object_;
  std::string_view file_;
};

}  // namespace

Config parse_config(std::string_view text, std::string_view file) {
  const json object = parse_json_object(without_bare_words(text), file, Fault::config_invalid,
                                        RepeatedKeys::last_counts);
  const Members members(object, file);
  return {.model_type = members.string("model_type").value_or(""),
          .architectures = members.strings("architectures"),
          .tie_word_embeddings = members.boolean("tie_word_embeddings"),
          .vocab_size = members.count("vocab_size"),
          .hidden_size = members.count("hidden_size")};
}

}  // namespace gamma_extract
