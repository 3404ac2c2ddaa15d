#ifndef GAMMA_EXTRACT_CHECK_H_
#define GAMMA_EXTRACT_CHECK_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gamma_extract/reference.h"

/// Whether a run gave what a reference says.
///
/// Counts (`vocab_size`, `hidden_size`, `bytes`) and hashes must be equal; the data of the files is
/// the same on every machine. Only gamma's `bytes` and `data_xxh3` depend on `--dtype`: they are
/// left out where the reference has another gamma than the run.
///
/// Figures come from sums, whose order a device may choose, so they have a tolerance: 1e-9 of the
/// value; for `std_norm`, of the mean norm; for the centroid's `mean` and `std`, of its largest
/// component. In a reference that is no report the tolerance is one unit of the last digit written
/// where that is more.
///
/// `residual_norm` is rounding error and has no right value, so it is bounded from above only: by
/// 1.01 times the reference's, or 1e-15 of gamma's `max_norm` where that is more.
namespace gamma_extract {

struct Report;  // gamma_extract/extract.h

/// One figure of the reference beside the run's.
struct Comparison {
  std::string name;  ///< "centroid.norm"
  ReportValue expected;
  ReportValue actual;  ///< null also where the run has no such figure
  /// How much a number may differ (of residual_norm, exceed). Nothing for hashes and null.
  std::optional<double> tolerance;
  bool passed = false;
  bool known = true;  ///< whether a report has a figure of that name
};

struct Check {
  std::string reference;  ///< its name
  bool passed = false;    ///< all of `compared` did
  std::vector<Comparison> compared;
};

Check compare(const Reference& reference, const Report& report);

/// Throws check_reference_empty where the reference has nothing to compare with a run whose gamma
/// file is of this dtype.
void require_comparable(const Reference& reference, std::string_view gamma_dtype);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_CHECK_H_
