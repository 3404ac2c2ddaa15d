#ifndef GAMMA_EXTRACT_STATISTICS_H_
#define GAMMA_EXTRACT_STATISTICS_H_

#include <optional>
#include <span>

/// The figures that the notebook prints, of float32 values, in float64.
///
/// Definitions are torch's: standard deviations are unbiased (N - 1), the median of an even count
/// is the lower middle one. What is undefined (the deviation of one row, anything of none), or
/// touched by a value that is not finite, is absent.
///
/// Sums are compensated, and run in the order of the values: the figures depend on the values
/// alone, not on the number of threads or the width of a register.
namespace gamma_extract {

/// Of the norms of a matrix's rows.
struct NormSummary {
  std::optional<double> mean, std, min, median, max;
};

/// Summarises the norms; reorders `norms` (for the median). One norm that is not finite leaves all
/// five absent.
NormSummary summarize_norms(std::span<double> norms);

/// Of the centroid.
struct CentroidSummary {
  std::optional<double> norm;  ///< its length
  std::optional<double> mean;  ///< of its components
  std::optional<double> std;   ///< of its components
  /// Of its components; their mean and std are rounded in proportion to it.
  std::optional<double> max_magnitude = std::nullopt;
};

/// One component that is not finite leaves all four absent.
CentroidSummary summarize_centroid(std::span<const float> mu);

/// The mean of some values, summed with an error that does not grow with their number. NaN where
/// there are none, or where a value is not finite.
double mean(std::span<const double> values);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_STATISTICS_H_
