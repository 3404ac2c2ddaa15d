#ifndef GAMMA_EXTRACT_REPORT_FIELDS_H_
#define GAMMA_EXTRACT_REPORT_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gamma_extract/extract.h"
#include "gamma_extract/reference.h"

/// What of a report can be compared.
namespace gamma_extract {

enum class FieldKind : std::uint8_t {
  count,   ///< an integer that must be equal
  hash,    ///< hexadecimal digits that must be equal
  figure,  ///< a number with a tolerance
  bound,   ///< a number that may be anything up to a bound
};

struct Field {
  std::string name;  ///< its keys, with dots between: "centroid.norm"
  FieldKind kind;
  ReportValue value;
  double scale = 0;  ///< what the tolerance of a figure or bound is a part of
};

/// All of them, in the order of the report. Names and kinds are the same for every report.
std::vector<Field> fields_of(const Report& report);

/// The field of that name, or null.
const Field* find_field(const std::vector<Field>& fields, std::string_view name);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_REPORT_FIELDS_H_
