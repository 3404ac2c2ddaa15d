#include "gamma_extract/reference.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "built_in_references.h"
#include "gamma_extract/error.h"
#include "gamma_extract/source.h"
#include "gamma_extract/text.h"
#include "json_object.h"
#include "report_fields.h"

namespace gamma_extract {
namespace {

using nlohmann::json;

// The file.

// A report has some kB.
constexpr std::size_t max_bytes = std::size_t{16} << 20U;

Descriptor open_file(const std::string& name, const StopFlag& stop) {
  // Waits for the writer of a pipe, as cat does.
  int fd = -1;
  while ((fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC)) < 0) {
    if (errno == EINTR) {
      stop.check();
    } else if (errno == ENOENT || errno == ENOTDIR) {
      fail(Fault::file_missing,
           "{}: no such reference; name a JSON file, or 01.1a for the notebook's figures", name);
    } else {
      fail(Fault::file_unreadable, "{}: cannot open it: {}; {}", name, system_message(errno),
           reading_remedy(errno));
    }
  }
  return Descriptor(fd);
}

std::string read_file(const std::string& name, const StopFlag& stop) {
  const Descriptor file = open_file(name, stop);
  std::string text;
  std::array<char, 4096> block{};
  while (true) {
    const ssize_t count = ::read(file.get(), block.data(), block.size());
    if (count == 0) return text;
    if (count > 0) {
      text.append(block.data(), static_cast<std::size_t>(count));
    } else if (errno == EINTR) {
      stop.check();
    } else {
      fail(Fault::file_unreadable, "{}: cannot read it: {}; name a JSON file", name,
           system_message(errno));
    }
    if (text.size() > max_bytes) {
      fail(Fault::check_reference_invalid,
           "{}: it has more than the {} bytes that a reference may have; name a report of --json",
           name, max_bytes);
    }
  }
}

// JSON, as a list of what stands at the ends of its branches: a tree would not keep the text of its
// numbers.

enum class LeafKind : std::uint8_t { null, boolean, number, text };

/// Keys; "[]" for an element of an array.
using Path = std::vector<std::string>;

struct Leaf {
  Path path;
  LeafKind kind;
  ReportValue value;
  std::string text;  ///< of a number, as it is written
};

class LeafList final : public json::json_sax_t {
 public:
  [[nodiscard]] const std::vector<Leaf>& leaves() const { return leaves_; }

  bool null() override { return add(LeafKind::null, {}); }
  bool boolean(bool /*value*/) override { return add(LeafKind::boolean, {}); }
  bool number_integer(json::number_integer_t value) override {
    return add(LeafKind::number, static_cast<double>(value), std::to_string(value));
  }
  bool number_unsigned(json::number_unsigned_t value) override {
    return add(LeafKind::number, value, std::to_string(value));
  }
  bool number_float(json::number_float_t value, const std::string& text) override {
    return add(LeafKind::number, value, text);
  }
  bool string(std::string& text) override { return add(LeafKind::text, text); }
  bool binary(json::binary_t& /*value*/) override { return true; }

  bool start_object(std::size_t /*size*/) override { return enter({}); }
  bool key(std::string& key) override {
    path_.back() = key;
    return true;
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t /*size*/) override { return enter("[]"); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                   const json::exception& /*error*/) override {
    return false;
  }

 private:
  bool add(LeafKind kind, ReportValue value, std::string text = {}) {
    leaves_.push_back({path_, kind, std::move(value), std::move(text)});
    return true;
  }
  bool enter(std::string key) {
    path_.push_back(std::move(key));
    return true;
  }
  bool leave() {
    path_.pop_back();
    return true;
  }

  Path path_;
  std::vector<Leaf> leaves_;
};

std::vector<Leaf> parse_leaves(const std::string& text, const std::string& name) {
  parse_json_object(text, name, Fault::check_reference_invalid, RepeatedKeys::refused,
                    "correct it, or make it again with --json");
  LeafList list;
  json::sax_parse(text, &list);
  return list.leaves();
}

// What of it is a figure.

/// One of the last digit written: all digits 0, the last one 1, the exponent as it is. 0 where that
/// is beyond float64.
double unit_of(std::string text) {
  const auto mantissa_end =
      text.begin() + static_cast<std::ptrdiff_t>(std::min(text.find_first_of("eE"), text.size()));
  std::replace_if(
      text.begin(), mantissa_end, [](char letter) { return letter != '.' && letter != '-'; }, '0');
  *std::prev(mantissa_end) = '1';
  double unit = 0;
  std::from_chars(text.data(), text.data() + text.size(), unit);
  return std::abs(unit);
}

bool is_compared_part(std::string_view key) {
  constexpr std::array<std::string_view, 5> parts{"gamma", "centroid", "centered", "vocab_size",
                                                  "hidden_size"};
  return std::ranges::find(parts, key) != parts.end();
}

/// Of a leaf under one of these.
bool is_figure(const Leaf& leaf) {
  const std::string& key = leaf.path.back();
  if (key == "path" || key == "dtype") return false;
  return leaf.kind == LeafKind::number || leaf.kind == LeafKind::null ||
         (leaf.kind == LeafKind::text && (key == "sha256" || key == "data_xxh3"));
}

std::string_view kind_name(LeafKind kind) {
  constexpr std::array<std::string_view, 4> names{"null", "true or false", "a number", "text"};
  return names.at(static_cast<std::size_t>(kind));
}

/// Text where a number belongs would else be passed over, and nobody would know.
void require_kind(const Leaf& leaf, const std::string& name, const Field& field,
                  const std::string& reference) {
  const LeafKind kind = field.kind == FieldKind::hash ? LeafKind::text : LeafKind::number;
  if (leaf.kind == kind || leaf.kind == LeafKind::null) return;
  fail(Fault::check_reference_invalid,
       "{}: {} is {}, not {}; correct it, or make it again with --json", reference, name,
       kind_name(leaf.kind), kind_name(kind));
}

/// A hash in lower case, which sha256sum writes; other programs write upper case.
ReportValue comparable(const ReportValue& value) {
  const auto* hash = std::get_if<std::string>(&value);
  return hash == nullptr ? value : lower_case(*hash);
}

void require_schema(const Leaf& leaf, const std::string& name) {
  if (leaf.value == ReportValue(std::uint64_t{1})) return;
  fail(Fault::check_reference_invalid,
       "{}: its schema is {}, and this version knows 1 alone; make it again with --json", name,
       leaf.kind == LeafKind::number ? leaf.text : kind_name(leaf.kind));
}

}  // namespace

Reference parse_reference(const std::string& text, const std::string& name) {
  const std::vector<Field> fields = fields_of({});
  Reference reference;
  reference.name = name;
  for (const Leaf& leaf : parse_leaves(text, name)) {
    if (leaf.path == Path{"schema"}) {
      require_schema(leaf, name);
      reference.is_report = true;
    }
    if (leaf.path == Path{"gamma", "dtype"} && leaf.kind == LeafKind::text) {
      reference.gamma_dtype = std::get<std::string>(leaf.value);
    }
    if (!is_compared_part(leaf.path.front())) continue;
    const std::string figure = fmt::format("{}", fmt::join(leaf.path, "."));
    if (const Field* const field = find_field(fields, figure)) {
      // NOLINTNEXTLINE(readability-suspicious-call-argument): each in its place
      require_kind(leaf, figure, *field, name);
    }
    if (!is_figure(leaf)) continue;
    const double unit = leaf.kind == LeafKind::number ? unit_of(leaf.text) : 0;
    reference.figures.push_back({figure, comparable(leaf.value), unit});
  }
  if (!reference.figures.empty()) return reference;
  fail(Fault::check_reference_empty,
       "{}: it has nothing to compare: no number, sha256 or data_xxh3 under gamma, centroid or "
       "centered, no vocab_size and no hidden_size; give a report of --json, a part of one, or a "
       "line such as {}",
       name, R"({"centroid": {"norm": 0.3048}})");
}

Reference load_reference(const std::string& name, const StopFlag& stop) {
  if (const auto built_in = built_in_reference(name)) {
    return parse_reference(std::string(*built_in), name);
  }
  return parse_reference(read_file(name, stop), name);
}

}  // namespace gamma_extract
