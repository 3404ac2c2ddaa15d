#include "gamma_extract/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

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

  /// Appends the value under its key, unless there is none.
  void append_scaling(const char* key, OutputScaling& scaling) const {
    const json* value = find(key);
    if (value == nullptr) return;
    require(value->is_number() || value->is_string(), key, "a number or a string", *value);
    if (value->is_string()) scaling.emplace_back(key, value->get<std::string>());
    if (value->is_number()) scaling.emplace_back(key, value->get<double>());
  }

  /// An object under that key; another type counts as absent, since some keys have other uses.
  [[nodiscard]] const json* object(const char* key) const {
    const json* value = find(key);
    return value != nullptr && value->is_object() ? value : nullptr;
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

// Where a config that wraps a text model's has it: in transformers, and before it was there.
constexpr std::array text_keys{"text_config", "thinker_config", "llm_config", "language_config",
                               "decoder"};

// The first that is there gives the head's columns.
constexpr std::array width_keys{"word_embed_proj_dim",
                                "output_embedding_size",
                                "embedding_size",
                                "hidden_size",
                                "d_model",
                                "n_embd",
                                "emb_dim"};

// What is done to the logits, or to what the head is multiplied with.
constexpr std::array scaling_keys{
    "logit_scale",           "logits_scaling",     "final_logit_softcapping",    "logits_soft_cap",
    "output_logit_soft_cap", "lm_head_multiplier", "logits_mup_width_multiplier"};

// The model types that multiply by d_model^-0.5, unless the config says no, in either way.
constexpr std::array scaling_by_width{"t5", "longt5", "pop2piano"};

std::optional<std::uint64_t> first_count(const Members& members,
                                         std::span<const char* const> keys) {
  for (const char* key : keys) {
    if (const auto value = members.count(key)) return value;
  }
  return std::nullopt;
}

OutputScaling output_scaling(const Members& members, const Config& config) {
  OutputScaling scaling;
  for (const char* key : scaling_keys) members.append_scaling(key, scaling);
  const bool scaled =
      members.boolean("scale_decoder_outputs").value_or(config.tie_word_embeddings.value_or(true));
  if (scaled && config.hidden_size.value_or(0) > 0 &&
      std::ranges::find(scaling_by_width, config.model_type) != scaling_by_width.end()) {
    scaling.emplace_back("d_model^-0.5", 1 / std::sqrt(static_cast<double>(*config.hidden_size)));
  }
  return scaling;
}

Config config_of(const json& object, std::string_view file) {
  const Members members(object, file);
  Config config;
  config.model_type = members.string("model_type").value_or("");
  config.architectures = members.strings("architectures");
  config.tie_word_embeddings = members.boolean("tie_word_embeddings");
  config.vocab_size = members.count("vocab_size");
  config.hidden_size = first_count(members, width_keys);
  config.transformers_weights = members.string("transformers_weights");
  // lfm2, lfm2_moe and lfm2_vl heed an older name before the usual one.
  if (config.model_type.starts_with("lfm2")) {
    if (const auto flag = members.boolean("tie_embedding")) config.tie_word_embeddings = flag;
  }
  if (const json* quantised = members.object("quantization_config")) {
    config.quant_method = Members(*quantised, file).string("quant_method");
  }
  config.output_scaling = output_scaling(members, config);
  return config;
}

/// The config of the text model that this one wraps, or nothing; thinker_config wraps it twice.
const json* text_config(const json& object, std::string_view file) {
  const json* text = nullptr;
  for (const json* inner = &object; inner != nullptr;) {
    const Members members(*inner, file);
    inner = nullptr;
    for (const char* key : text_keys) {
      if (inner == nullptr) inner = members.object(key);
    }
    if (inner != nullptr) text = inner;
  }
  return text;
}

}  // namespace

Config parse_config(std::string_view text, std::string_view file) {
  const json object = parse_json_object(without_bare_words(text), file, Fault::config_invalid,
                                        RepeatedKeys::last_counts);
  Config config = config_of(object, file);
  if (const json* inner = text_config(object, file)) {
    config.text = std::make_shared<const Config>(config_of(*inner, file));
    if (config.output_scaling.empty()) config.output_scaling = config.text->output_scaling;
  }
  return config;
}

}  // namespace gamma_extract
