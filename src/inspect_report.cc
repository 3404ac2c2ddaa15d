#include "inspect_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "display_width.h"
#include "gamma_extract/text.h"
#include "report_parts.h"
#include "tensor_suggestions.h"

namespace gamma_extract::cli {
namespace {

using safetensors::Tensor;

// JSON.

Json json_of(const std::optional<Inspection::Chosen>& chosen) {
  if (!chosen) return nullptr;
  const auto& [choice, tensor] = *chosen;
  return {{"tensor", cli::json_of(choice.tensor)},
          {"shard", cli::json_of(choice.shard)},
          {"dtype", safetensors::name(tensor.dtype)},
          {"shape", tensor.shape},
          {"tied", choice.tied},
          {"reason", cli::json_of(choice.reason)}};
}

Json json_of(const Tensor& tensor, const std::string& shard) {
  return {{"name", cli::json_of(tensor.name)},
          {"shard", cli::json_of(shard)},
          {"dtype", safetensors::name(tensor.dtype)},
          {"shape", tensor.shape},
          {"bytes", tensor.bytes}};
}

/// Appends the list of the tensors, each from a small object of its own: one for all of them would
/// need many times the memory of the headers.
void append_tensors(std::string& text, const std::vector<InspectedShard>& shards) {
  text += '[';
  const char* separator = "\n    ";
  for (const InspectedShard& shard : shards) {
    for (const Tensor& tensor : shard.tensors) {
      text.append(separator).append(json_text(json_of(tensor, shard.name), -1));
      separator = ",\n    ";
    }
  }
  text += text.ends_with('[') ? "]" : "\n  ]";
}

// For a person: what was chosen.

/// `line`, folded where it would leave the terminal.
std::string folded(std::string_view name, std::string_view text,
                   std::optional<std::size_t> columns) {
  constexpr std::size_t least_cells = 20;
  if (!columns) return line(name, text);
  const std::size_t cells = *columns - std::min(*columns, name_cells);
  return line(name, wrapped(text, std::max(least_cells, cells), name_cells));
}

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string choice_lines(const Inspection& inspection, std::optional<std::size_t> columns) {
  const auto show = [columns](std::string_view name, std::string_view text) {
    return folded(name, printable(text), columns);
  };
  std::string text = show("model", inspection.model);
  if (inspection.revision) text += show("revision", *inspection.revision);
  if (inspection.chosen) {
    const auto& [choice, tensor] = *inspection.chosen;
    return text + show("tensor", choice.tensor + (choice.tied ? " (tied)" : "")) +
           show("reason", choice.reason) + show("shard", choice.shard) +
           show("shape", shape_text(tensor.shape)) + show("dtype", safetensors::name(tensor.dtype));
  }
  if (inspection.problem) text += show("problem", inspection.problem->what());
  const std::vector<std::string>& names = inspection.candidates;
  if (!names.empty()) text += show("candidates", enumerate({names.begin(), names.end()}));
  return text;
}

// For a person: the table.

/// A line a tensor: name, dtype, shape, size. Above a shard's, a line with its name and size. On a
/// terminal where a name is too wide for its column, it has a line of its own: of two names cut in
/// the middle nobody could tell which is which, or type one after --tensor.
class Table {
 public:
  Table(const std::vector<InspectedShard>& shards, std::optional<std::size_t> columns)
      : columns_(columns) {
    for (const InspectedShard& shard : shards) {
      for (const Tensor& tensor : shard.tensors) widen_for(tensor);
    }
    if (columns) fit(*columns);
  }

  [[nodiscard]] std::string row(const Tensor& tensor) const {
    std::string name = printable(tensor.name);
    if (columns_ && display_width(name) > name_) {
      const std::size_t cells = *columns_ - std::min(*columns_, indent.size());
      name = shortened(name, std::max(name_, cells)).append("\n").append(indent);
      name.append(name_, ' ');
    }
    return fmt::format("{}{}{}{:<{}}{}{}{}{:>{}}\n", indent, padded(name, name_), gap,
                       safetensors::name(tensor.dtype), dtype_, gap,
                       cell(shape_text(tensor.shape), shape_), gap, human_bytes(tensor.bytes),
                       size_cells);
  }

  /// A line about more than one tensor.
  [[nodiscard]] std::string summary(std::string_view text, std::string_view size) const {
    const std::size_t cells = indent.size() + name_ + gap.size() + dtype_ + gap.size() + shape_;
    return fmt::format("{}{}{:>{}}\n", cell(text, cells), gap, size, size_cells);
  }

 private:
  static constexpr std::string_view indent = "  ";
  static constexpr std::string_view gap = "  ";
  static constexpr std::size_t size_cells = 7;  // the most that human_bytes needs

  void widen_for(const Tensor& tensor) {
    widen(name_, display_width(printable(tensor.name)));
    widen(dtype_, safetensors::name(tensor.dtype).size());
    widen(shape_, shape_text(tensor.shape).size());
  }

  void widen(std::size_t& width, std::size_t cells) const {
    // Where nothing is cut, a single endless name or shape must not move all others to the right.
    constexpr std::size_t longest_aligned = 100;
    if (columns_ || cells <= longest_aligned) width = std::max(width, cells);
  }

  /// A shape may have a quarter of the terminal, and what a large matrix needs; a name gets what
  /// the others leave.
  void fit(std::size_t columns) {
    constexpr std::size_t matrix_cells = 16;
    constexpr std::size_t least_name_cells = 8;
    shape_ = std::min(shape_, std::max(matrix_cells, columns / 4));
    const std::size_t others = indent.size() + 3 * gap.size() + dtype_ + shape_ + size_cells;
    name_ = std::min(name_, std::max(least_name_cells, columns - std::min(columns, others)));
  }

  [[nodiscard]] std::string cell(std::string_view text, std::size_t cells) const {
    return padded(columns_ ? shortened(text, cells) : text, cells);
  }

  std::optional<std::size_t> columns_;  // of the terminal
  std::size_t name_ = 0;
  std::size_t dtype_ = 0;
  std::size_t shape_ = 0;
};

std::string count_of(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::uint64_t bytes_of(const InspectedShard& shard) {
  std::uint64_t bytes = 0;
  for (const Tensor& tensor : shard.tensors) bytes += tensor.bytes;
  return bytes;
}

std::string total_line(const std::vector<InspectedShard>& shards, const Table& table) {
  std::size_t tensors = 0;
  std::uint64_t bytes = 0;
  for (const InspectedShard& shard : shards) {
    tensors += shard.tensors.size();
    bytes += bytes_of(shard);
  }
  const auto read = static_cast<std::size_t>(std::ranges::count_if(shards, &InspectedShard::read));
  const std::string of_those = read == shards.size() ? "" : fmt::format("{} of ", read);
  return table.summary(fmt::format("{} in {}{}", count_of(tensors, "tensor"), of_those,
                                   count_of(shards.size(), "file")),
                       human_bytes(bytes));
}

}  // namespace

std::string json_report(const Inspection& inspection) {
  const auto text_of = [](const auto& value) { return json_text(cli::json_of(value), -1); };
  const std::optional<std::string> problem =
      inspection.problem ? std::optional<std::string>(inspection.problem->what()) : std::nullopt;
  std::string text = fmt::format(
      R"({{
  "schema": 1,
  "model": {},
  "revision": {},
  "choice": {},
  "candidates": {},
  "problem": {},
  "tensors": )",
      text_of(inspection.model), text_of(inspection.revision),
      json_text(json_of(inspection.chosen), -1), text_of(inspection.candidates), text_of(problem));
  append_tensors(text, inspection.shards);
  return text + fmt::format(",\n  \"warnings\": {}\n}}\n", text_of(inspection.warnings));
}

std::string human_report(const Inspection& inspection, std::optional<std::size_t> columns) {
  const Table table(inspection.shards, columns);
  std::string text = choice_lines(inspection, columns);
  for (const InspectedShard& shard : inspection.shards) {
    text += '\n';
    text +=
        table.summary(printable(shard.name), shard.read ? human_bytes(bytes_of(shard)) : "unread");
    for (const Tensor& tensor : shard.tensors) text += table.row(tensor);
  }
  return text + "\n" + total_line(inspection.shards, table);
}

}  // namespace gamma_extract::cli
