#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gamma_extract/error.h"
#include "gamma_extract/safetensors.h"
#include "header_builder.h"
#include "header_text.h"

// From JSON to the calls of HeaderBuilder: the rules about JSON, and about what may stand where.
namespace gamma_extract::safetensors {
namespace {

// serde_json, which reads the reference's headers, refuses the 128th array or object in another.
constexpr std::size_t max_depth = 127;

constexpr std::string_view metadata_key = "__metadata__";

struct KnownField {
  std::string_view name;
  std::string_view expected;
  Fault fault;
};

constexpr std::array<KnownField, 3> known_fields{{
    {.name = "dtype",
     .expected = "the name of an element type is",
     .fault = Fault::tensor_dtype_unknown},
    {.name = "shape",
     .expected = "an array of unsigned 64-bit integers is",
     .fault = Fault::tensor_shape_invalid},
    {.name = "data_offsets",
     .expected = "two unsigned 64-bit integers are",
     .fault = Fault::tensor_offsets_invalid},
}};
enum Field : std::uint8_t { dtype_field, shape_field, offsets_field, unknown_field };

// The keys of the objects that are open, as hashes: 16 bytes a key, where a set of strings would
// need many times the header's size for a header of millions of tiny keys.
class OpenKeys {
 public:
  using Hash = std::pair<std::uint64_t, std::uint64_t>;

  static Hash hash(std::string_view key) {
    const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
    return {hash.high64, hash.low64};
  }

  void open() { starts_.push_back(hashes_.size()); }
  void add(std::string_view key) { hashes_.push_back(hash(key)); }
  // Closes the innermost object and returns a key that stands in it twice, if there is one.
  std::optional<Hash> close() {
    const auto start = hashes_.begin() + static_cast<std::ptrdiff_t>(starts_.back());
    std::sort(start, hashes_.end());
    const auto twice = std::adjacent_find(start, hashes_.end());
    if (twice != hashes_.end()) return *twice;
    hashes_.resize(starts_.back());
    starts_.pop_back();
    return std::nullopt;
  }

 private:
  std::deque<Hash> hashes_;
  std::vector<std::size_t> starts_;
};

// Receives the events of nlohmann's parser. Returns true: what breaks a rule is thrown.
class HeaderEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderEvents(HeaderBuilder& builder) : builder_(builder) {}

  bool null() override {
    const bool no_metadata = place() == Place::header && in_metadata_;
    return no_metadata || refuse_unless_ignored("null");
  }
  bool boolean(bool value) override { return refuse_unless_ignored(value ? "true" : "false"); }
  // Only what is not negative and has neither fraction nor exponent comes as an unsigned number.
  bool number_integer(number_integer_t /*value*/) override {
    return refuse_unless_ignored("a negative number");
  }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override {
    return refuse_unless_ignored("a number with fraction or exponent, or beyond 64 bits");
  }
  bool number_unsigned(number_unsigned_t value) override;
  bool string(string_t& value) override;
  bool binary(binary_t& /*value*/) override { return refuse_unless_ignored("binary data"); }
  bool start_object(std::size_t elements) override;
  bool key(string_t& key) override;
  bool end_object() override;
  bool start_array(std::size_t elements) override;
  bool end_array() override;
  bool parse_error(std::size_t /*position*/, const std::string& /*last_token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return false;
  }

 private:
  enum class Place : std::uint8_t { file, header, metadata, tensor, shape, offsets, ignored };
  [[nodiscard]] Place place() const { return places_.back(); }
  [[nodiscard]] bool refuse_unless_ignored(std::string_view found) const;
  bool enter(Place place);
  void leave() { places_.pop_back(); }
  [[noreturn]] void refuse_header(Fault fault, std::string_view why) const;
  [[noreturn]] void refuse_field(std::string_view found) const;
  [[noreturn]] void refuse_duplicate(OpenKeys::Hash twice) const;
  // The name of a key, where it is one that is kept.
  [[nodiscard]] std::string key_of(OpenKeys::Hash hash) const;

  HeaderBuilder& builder_;
  OpenKeys keys_;
  std::vector<Place> places_{Place::file};
  bool in_metadata_ = false;  // the last key of the header was __metadata__
  Field field_ = unknown_field;
};

bool HeaderEvents::number_unsigned(number_unsigned_t value) {
  if (place() == Place::shape) {
    builder_.dimension(value);
  } else if (place() == Place::offsets) {
    builder_.offset(value);
  } else {
    return refuse_unless_ignored("a number");
  }
  return true;
}

bool HeaderEvents::string(string_t& value) {
  if (place() == Place::metadata) {
    builder_.metadata_value(value);
  } else if (place() == Place::tensor && field_ == dtype_field) {
    builder_.dtype(value);
  } else {
    return refuse_unless_ignored("a string");
  }
  return true;
}

bool HeaderEvents::start_object(std::size_t /*elements*/) {
  keys_.open();
  if (place() == Place::file) return enter(Place::header);
  if (place() == Place::header) return enter(in_metadata_ ? Place::metadata : Place::tensor);
  return refuse_unless_ignored("an object") && enter(Place::ignored);
}

bool HeaderEvents::start_array(std::size_t /*elements*/) {
  if (place() == Place::tensor && field_ == shape_field) {
    builder_.begin_shape();
    return enter(Place::shape);
  }
  if (place() == Place::tensor && field_ == offsets_field) {
    builder_.begin_offsets();
    return enter(Place::offsets);
  }
  return refuse_unless_ignored("an array") && enter(Place::ignored);
}

bool HeaderEvents::end_object() {
  if (const auto twice = keys_.close()) refuse_duplicate(*twice);
  if (place() == Place::tensor) builder_.end_tensor();
  leave();
  return true;
}

bool HeaderEvents::end_array() {
  if (place() == Place::offsets) builder_.end_offsets();
  leave();
  return true;
}

bool HeaderEvents::key(string_t& key) {
  keys_.add(key);
  if (place() == Place::header) {
    in_metadata_ = key == metadata_key;
    if (!in_metadata_) builder_.begin_tensor(key);
  } else if (place() == Place::metadata) {
    builder_.metadata_key(key);
  } else if (place() == Place::tensor) {
    const auto* const known = std::ranges::find(known_fields, key, &KnownField::name);
    field_ = static_cast<Field>(known - known_fields.begin());
  }
  return true;
}

bool HeaderEvents::enter(Place place) {
  // The first place is the file itself.
  if (places_.size() > max_depth) {
    refuse_header(Fault::header_too_deep,
                  fmt::format("arrays and objects are nested deeper than {}", max_depth));
  }
  places_.push_back(place);
  return true;
}

// A value of a kind that has a meaning nowhere but in a field that is not known.
bool HeaderEvents::refuse_unless_ignored(std::string_view found) const {
  switch (place()) {
    case Place::file:
      refuse_header(Fault::header_not_object, fmt::format("it is {}, not an object", found));
    case Place::header:
      if (!in_metadata_) {
        builder_.refuse_tensor(Fault::tensor_not_object,
                               fmt::format("it is {}, not an object", found));
      }
      refuse_header(Fault::metadata_not_strings,
                    fmt::format("__metadata__ is {}, not an object", found));
    case Place::metadata:
      refuse_header(Fault::metadata_not_strings,
                    fmt::format("__metadata__ holds {} under {}, not a string", found,
                                quoted(builder_.metadata()[builder_.metadata().size() - 1])));
    case Place::tensor:
      if (field_ != unknown_field) refuse_field(found);
      break;
    case Place::shape:
    case Place::offsets:
      refuse_field(found);
    case Place::ignored:
      break;
  }
  return true;
}

void HeaderEvents::refuse_header(Fault fault, std::string_view why) const {
  fail(fault, "{}: header: {}; {}", builder_.file(), why, damaged);
}

void HeaderEvents::refuse_field(std::string_view found) const {
  const KnownField& field = known_fields.at(field_);
  builder_.refuse_tensor(
      field.fault, fmt::format("its {} {} {} where {} expected", field.name,
                               place() == Place::tensor ? "is" : "holds", found, field.expected));
}

void HeaderEvents::refuse_duplicate(OpenKeys::Hash twice) const {
  const std::string why = fmt::format("{} stands twice in one object", key_of(twice));
  if (place() == Place::header || place() == Place::metadata) {
    refuse_header(Fault::header_duplicate_key, why);
  }
  builder_.refuse_tensor(Fault::header_duplicate_key, why);
}

std::string HeaderEvents::key_of(OpenKeys::Hash hash) const {
  const auto is_it = [hash](std::string_view key) { return OpenKeys::hash(key) == hash; };
  for (const StringTable* table : {&builder_.names(), &builder_.metadata()}) {
    for (std::size_t i = 0; i < table->size(); ++i) {
      if (is_it((*table)[i])) return "the key " + quoted((*table)[i]);
    }
  }
  for (const KnownField& field : known_fields) {
    if (is_it(field.name)) return "the key " + quoted(field.name);
  }
  return is_it(metadata_key) ? "the key " + quoted(metadata_key) : "a key that is not known";
}

}  // namespace

Header parse_blocks(const HeaderText::NextBlock& next_block, std::uint64_t header_bytes,
                    std::uint64_t file_bytes, std::string_view file) {
  require_header_length(header_bytes, file_bytes, file);
  HeaderText text(next_block, file);
  HeaderBuilder builder(file, sizeof(std::uint64_t) + header_bytes, file_bytes);
  HeaderEvents events(builder);
  if (!nlohmann::json::sax_parse(text.begin(), HeaderText::end(), &events)) {
    text.finish_character();
    fail(Fault::header_not_json, "{}: header: it is not JSON at its byte {}; {}", file,
         text.position(), damaged);
  }
  return builder.finish();
}

Header parse_header(std::string_view text, std::uint64_t file_bytes, std::string_view file) {
  const std::size_t header_bytes = text.size();
  return parse_blocks([&text] { return std::exchange(text, {}); }, header_bytes, file_bytes, file);
}

}  // namespace gamma_extract::safetensors
