#include "report_fields.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace gamma_extract {
namespace {

double size_of(const std::optional<double>& value) {
  return std::abs(value.value_or(0));
}

Field figure(std::string name, const std::optional<double>& value,
             const std::optional<double>& scale) {
  return {.name = std::move(name),
          .kind = FieldKind::figure,
          .value = value ? ReportValue(*value) : ReportValue(),
          .scale = size_of(scale)};
}

void add_matrix(std::vector<Field>& fields, const std::string& part,
                const Report::MatrixFile& file) {
  const NormSummary& norms = file.norms;
  fields.push_back({.name = part + ".bytes", .kind = FieldKind::count, .value = file.bytes});
  fields.push_back({.name = part + ".data_xxh3", .kind = FieldKind::hash, .value = file.data_xxh3});
  fields.push_back(figure(part + ".mean_norm", norms.mean, norms.mean));
  fields.push_back(figure(part + ".std_norm", norms.std, norms.mean));
  fields.push_back(figure(part + ".min_norm", norms.min, norms.min));
  fields.push_back(figure(part + ".median_norm", norms.median, norms.median));
  fields.push_back(figure(part + ".max_norm", norms.max, norms.max));
}

void add_centroid(std::vector<Field>& fields, const Report::CentroidFile& file) {
  const CentroidSummary& summary = file.summary;
  fields.push_back({.name = "centroid.sha256", .kind = FieldKind::hash, .value = file.sha256});
  fields.push_back(
      {.name = "centroid.data_xxh3", .kind = FieldKind::hash, .value = file.data_xxh3});
  fields.push_back(figure("centroid.norm", summary.norm, summary.norm));
  fields.push_back(figure("centroid.mean", summary.mean, summary.max_magnitude));
  fields.push_back(figure("centroid.std", summary.std, summary.max_magnitude));
}

}  // namespace

std::vector<Field> fields_of(const Report& report) {
  std::vector<Field> fields{
      {.name = "vocab_size", .kind = FieldKind::count, .value = report.vocab_size},
      {.name = "hidden_size", .kind = FieldKind::count, .value = report.hidden_size}};
  add_matrix(fields, "gamma", report.gamma);
  add_centroid(fields, report.centroid);
  add_matrix(fields, "centered", report.centered);
  fields.push_back(figure("centered.residual_norm", report.residual_norm, report.gamma.norms.max));
  fields.back().kind = FieldKind::bound;
  return fields;
}

const Field* find_field(const std::vector<Field>& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found == fields.end() ? nullptr : &*found;
}

}  // namespace gamma_extract
