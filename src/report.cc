#include "report.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "built_in_references.h"
#include "gamma_extract/text.h"
#include "report_parts.h"
#include "version.h"

namespace gamma_extract::cli {
namespace {

// JSON.

using cli::json_of;

Json json_of(const Report::MatrixFile& file) {
  return {{"path", json_of(file.path)},
          {"dtype", file.dtype},
          {"bytes", file.bytes},
          {"data_xxh3", file.data_xxh3},
          {"mean_norm", json_of(file.norms.mean)},
          {"std_norm", json_of(file.norms.std)},
          {"min_norm", json_of(file.norms.min)},
          {"median_norm", json_of(file.norms.median)},
          {"max_norm", json_of(file.norms.max)}};
}

Json json_of(const Report::CentroidFile& file) {
  return {{"path", json_of(file.path)},         {"sha256", file.sha256},
          {"data_xxh3", file.data_xxh3},        {"norm", json_of(file.summary.norm)},
          {"mean", json_of(file.summary.mean)}, {"std", json_of(file.summary.std)}};
}

Json json_of(const ReportValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return nullptr;
  if (const auto* text = std::get_if<std::string>(&value)) return json_of(*text);
  if (const auto* count = std::get_if<std::uint64_t>(&value)) return *count;
  return std::get<double>(value);
}

Json json_of(const std::optional<Check>& check) {
  if (!check) return nullptr;
  Json compared = Json::array();
  for (const Comparison& comparison : check->compared) {
    compared.push_back({{"name", json_of(comparison.name)},
                        {"expected", json_of(comparison.expected)},
                        {"actual", json_of(comparison.actual)},
                        {"tolerance", json_of(comparison.tolerance)},
                        {"passed", comparison.passed}});
  }
  return {{"reference", json_of(check->reference)},
          {"passed", check->passed},
          {"compared", std::move(compared)}};
}

Json json_of(const OutputScaling& scaling) {
  if (scaling.empty()) return nullptr;
  Json json = Json::object();
  for (const auto& [name, value] : scaling) {
    if (const auto* text = std::get_if<std::string>(&value)) json[name] = json_of(*text);
    if (const auto* number = std::get_if<double>(&value)) json[name] = *number;
  }
  return json;
}

// For a person: a column of names, a column of figures.

/// With so many decimals, as the notebook prints it; where that would show zeros alone, or more
/// digits than a float32 has, with an exponent.
std::string figure(const std::optional<double>& value, int decimals) {
  if (!value) return "n/a";
  const double size = std::abs(*value);
  const bool fits = size == 0 || (size >= 0.5 * std::pow(10, -decimals) && size < 1e9);
  return fits ? fmt::format("{:.{}f}", *value, decimals) : fmt::format("{:.{}e}", *value, 4);
}

std::string residual(const std::optional<double>& norm) {
  return norm ? fmt::format("{:.2e} (norm of the mean row; about 0)", *norm) : "n/a";
}

std::string file_line(const std::optional<std::string>& path, std::uint64_t bytes) {
  if (!path) return line("  file", "not written");
  return line("  file", fmt::format("{} ({})", printable(*path), human_bytes(bytes)));
}

std::string norm_lines(const NormSummary& norms) {
  return line("  mean norm", figure(norms.mean, 4)) + line("  std norm", figure(norms.std, 4)) +
         line("  min norm", figure(norms.min, 4)) + line("  median norm", figure(norms.median, 4)) +
         line("  max norm", figure(norms.max, 4));
}

std::string words(const OutputScaling& scaling) {
  std::string text;
  for (const auto& [name, value] : scaling) {
    if (!text.empty()) text += ", ";
    text += name + " ";
    if (const auto* word = std::get_if<std::string>(&value)) text += printable(*word);
    if (const auto* number = std::get_if<double>(&value)) text += fmt::format("{:g}", *number);
  }
  return text;
}

std::string source_lines(const Report& report) {
  std::string text = line("model", printable(report.model));
  if (report.revision) text += line("revision", printable(*report.revision));
  text += line("tensor", printable(report.tensor) + (report.tied ? " (tied)" : ""));
  text += line("reason", printable(report.reason));
  text += line("shard", printable(report.shard));
  text += line("shape", fmt::format("[{}, {}]", report.vocab_size, report.hidden_size));
  text += line("dtype", report.source_dtype);
  if (!report.output_scaling.empty()) {
    text +=
        line("not included", words(report.output_scaling) + ", which the model applies outside");
  }
  if (report.nonfinite > 0) text += line("not finite", fmt::format("{} values", report.nonfinite));
  return text;
}

std::string gamma_lines(const Report::MatrixFile& gamma) {
  return fmt::format("\ngamma, the unembedding matrix, {}\n", gamma.dtype) +
         norm_lines(gamma.norms) + line("  xxh3", gamma.data_xxh3) +
         file_line(gamma.path, gamma.bytes);
}

std::string centroid_lines(const Report& report) {
  const Report::CentroidFile& centroid = report.centroid;
  return fmt::format("\nmu, the centroid, {}\n", report.centered.dtype) +
         line("  norm", figure(centroid.summary.norm, 4)) +
         line("  mean element", figure(centroid.summary.mean, 6)) +
         line("  std element", figure(centroid.summary.std, 6)) +
         line("  sha256", centroid.sha256) + line("  xxh3", centroid.data_xxh3) +
         file_line(centroid.path, report.hidden_size * sizeof(float));
}

std::string centered_lines(const Report& report) {
  const Report::MatrixFile& centered = report.centered;
  return fmt::format("\ngamma' = gamma - mu, {}\n", centered.dtype) + norm_lines(centered.norms) +
         line("  residual", residual(report.residual_norm)) + line("  xxh3", centered.data_xxh3) +
         file_line(centered.path, centered.bytes);
}

/// Shortest digits that read as the same value; a hash as a whole.
std::string exact_text(const ReportValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return "null";
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* count = std::get_if<std::uint64_t>(&value)) return fmt::to_string(*count);
  return fmt::to_string(std::get<double>(value));
}

/// For a column: digits enough to see what a tolerance of 1e-9 sees, and the first ones of a hash.
std::string short_text(const ReportValue& value) {
  constexpr std::size_t width = 18;
  if (const auto* figure = std::get_if<double>(&value)) return fmt::format("{:.11g}", *figure);
  const std::string text = printable(exact_text(value));
  return text.size() <= width ? text : text.substr(0, width - 3) + "...";
}

std::string check_lines(const std::optional<Check>& check) {
  if (!check) return "";
  std::string text = fmt::format("\ncheck against {}: {}\n", printable(check->reference),
                                 check->passed ? "passed" : "FAILED");
  text += fmt::format("  {:<24}{:>20}{:>20}\n", "", "expected", "actual");
  for (const Comparison& comparison : check->compared) {
    text += fmt::format("  {:<24}{:>20}{:>20}  {}\n", printable(comparison.name),
                        short_text(comparison.expected), short_text(comparison.actual),
                        comparison.passed ? "ok" : "FAILED");
  }
  return text;
}

/// What helps where a figure differs from that of a reference of this name. One that is built in
/// cannot be saved anew.
std::string_view remedy(const std::string& reference) {
  if (built_in_reference(reference)) {
    return "it is built in, of Qwen/Qwen3-4B-Instruct-2507: check another model against a --json "
           "report of its own";
  }
  return "if that is meant, save this run's --json as the new reference";
}

std::string difference(const Comparison& comparison, const std::string& tensor,
                       std::string_view remedy) {
  if (!comparison.known) {
    return fmt::format("{}: a report has no such figure; correct the reference", comparison.name);
  }
  std::string expected = exact_text(comparison.expected);
  if (const double tolerance = comparison.tolerance.value_or(0); tolerance > 0) {
    expected += fmt::format(" (tolerance {:.3g})", tolerance);
  }
  return fmt::format("{} of {} is {}, not {}; {}", comparison.name, tensor,
                     exact_text(comparison.actual), expected, remedy);
}

std::string effort_line(const Report& report) {
  return fmt::format("\n{:.2f} s on {} with {} thread{}; {} read, {} written\n", report.seconds,
                     report.device, report.threads, report.threads == 1 ? "" : "s",
                     human_bytes(report.bytes_read), human_bytes(report.bytes_written));
}

}  // namespace

std::string json_report(const Report& report) {
  Json centered = json_of(report.centered);
  centered["residual_norm"] = json_of(report.residual_norm);
  const Json json{{"schema", 1},
                  {"version", version},
                  {"model", json_of(report.model)},
                  {"revision", json_of(report.revision)},
                  {"tensor", json_of(report.tensor)},
                  {"tied", report.tied},
                  {"reason", json_of(report.reason)},
                  {"shard", json_of(report.shard)},
                  {"output_scaling", json_of(report.output_scaling)},
                  {"source_dtype", report.source_dtype},
                  {"vocab_size", report.vocab_size},
                  {"hidden_size", report.hidden_size},
                  {"nonfinite", report.nonfinite},
                  {"device", report.device},
                  {"threads", report.threads},
                  {"seconds", report.seconds},
                  {"bytes_read", report.bytes_read},
                  {"bytes_written", report.bytes_written},
                  {"gamma", json_of(report.gamma)},
                  {"centroid", json_of(report.centroid)},
                  {"centered", std::move(centered)},
                  {"check", json_of(report.check)},
                  {"warnings", json_of(report.warnings)}};
  return json_text(json, 2) + "\n";
}

std::string human_report(const Report& report) {
  return source_lines(report) + gamma_lines(report.gamma) + centroid_lines(report) +
         centered_lines(report) + check_lines(report.check) + effort_line(report);
}

std::vector<std::string> differences(const Report& report) {
  std::vector<std::string> lines;
  if (!report.check) return lines;
  for (const Comparison& comparison : report.check->compared) {
    if (comparison.passed) continue;
    lines.push_back(report.check->reference + ": " +
                    difference(comparison, report.tensor, remedy(report.check->reference)));
  }
  return lines;
}

}  // namespace gamma_extract::cli
