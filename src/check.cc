#include "gamma_extract/check.h"

#include <algorithm>
#include <cmath>

#include "gamma_extract/error.h"
#include "gamma_extract/extract.h"
#include "report_fields.h"

namespace gamma_extract {
namespace {

// A digit's unit is not exact in binary: 2.5 and 2.4 differ by more than 0.1, by 9e-17. This much
// of a tolerance is more than that ever is, and less than anybody means by one.
constexpr double binary_slack = 1e-6;

std::optional<double> number_of(const ReportValue& value) {
  if (const auto* count = std::get_if<std::uint64_t>(&value)) return static_cast<double>(*count);
  if (const auto* figure = std::get_if<double>(&value)) return *figure;
  return std::nullopt;
}

/// The most that a residual may be.
double bound_of(const Field& field, double expected) {
  return std::max(1.01 * expected, 1e-15 * field.scale);
}

void compare_numbers(const Field& field, double actual, double expected, double unit,
                     Comparison& comparison) {
  if (field.kind == FieldKind::bound) {
    comparison.tolerance = bound_of(field, expected) - expected;
    comparison.passed = actual <= bound_of(field, expected);
    return;
  }
  const double tolerance = field.kind == FieldKind::figure ? std::max(unit, 1e-9 * field.scale) : 0;
  comparison.tolerance = tolerance;
  comparison.passed = std::abs(actual - expected) <= tolerance * (1 + binary_slack);
}

Comparison compare(const Reference::Figure& figure, bool is_report, const Field* field) {
  Comparison comparison;
  comparison.name = figure.name;
  comparison.expected = figure.value;
  comparison.known = field != nullptr;
  if (field == nullptr) return comparison;
  comparison.actual = field->value;
  const std::optional<double> expected = number_of(figure.value);
  const std::optional<double> actual = number_of(field->value);
  if (expected && actual) {
    compare_numbers(*field, *actual, *expected, is_report ? 0 : figure.unit, comparison);
  } else {
    comparison.passed = figure.value == field->value;
  }
  return comparison;
}

/// Whether a figure depends on the type of the gamma file, and the reference's is another.
bool is_left_out(const Reference::Figure& figure, const Reference& reference,
                 std::string_view gamma_dtype) {
  return (figure.name == "gamma.bytes" || figure.name == "gamma.data_xxh3") &&
         reference.gamma_dtype && *reference.gamma_dtype != gamma_dtype;
}

}  // namespace

Check compare(const Reference& reference, const Report& report) {
  const std::vector<Field> fields = fields_of(report);
  Check check{.reference = reference.name, .passed = true, .compared = {}};
  for (const Reference::Figure& figure : reference.figures) {
    if (is_left_out(figure, reference, report.gamma.dtype)) continue;
    check.compared.push_back(compare(figure, reference.is_report, find_field(fields, figure.name)));
    check.passed = check.passed && check.compared.back().passed;
  }
  return check;
}

void require_comparable(const Reference& reference, std::string_view gamma_dtype) {
  const bool nothing = std::ranges::all_of(reference.figures, [&](const auto& figure) {
    return is_left_out(figure, reference, gamma_dtype);
  });
  if (!nothing) return;
  fail(
      Fault::check_reference_empty,
      "{}: it has nothing to compare: all it knows is the data of a gamma of {}, and this run's is "
      "{}; choose another --dtype, or add figures",
      reference.name, reference.gamma_dtype.value_or("?"), gamma_dtype);
}

}  // namespace gamma_extract
