#include "gamma_extract/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace gamma_extract {
namespace {

/// Neumaier's compensated sum (ZAMM 54, 1974): the low part that an addition loses is kept apart.
class Sum {
 public:
  void add(double value) noexcept {
    const double next = high_ + value;
    low_ += std::abs(high_) >= std::abs(value) ? (high_ - next) + value : (value - next) + high_;
    high_ = next;
  }
  [[nodiscard]] double value() const noexcept { return high_ + low_; }

 private:
  double high_ = 0;
  double low_ = 0;
};

template <class Values, class Term>
double sum_of(const Values& values, const Term& term) {
  Sum sum;
  for (const double value : values) sum.add(term(value));
  return sum.value();
}

/// The unbiased standard deviation around `mean`, which was rounded: the second sum takes out what
/// that rounding adds (the corrected two-pass algorithm of Chan, Golub and LeVeque), so that equal
/// values have a deviation of zero.
template <class Values>
std::optional<double> deviation(const Values& values, double mean) {
  if (values.size() < 2) return std::nullopt;
  const auto count = static_cast<double>(values.size());
  const double squares =
      sum_of(values, [mean](double value) { return (value - mean) * (value - mean); });
  const double rest = sum_of(values, [mean](double value) { return value - mean; });
  return std::sqrt(std::max(0.0, squares - rest * rest / count) / (count - 1));
}

template <class Values>
bool all_finite(const Values& values) {
  return std::all_of(values.begin(), values.end(),
                     [](double value) { return std::isfinite(value); });
}

}  // namespace

double mean(std::span<const double> values) {
  const double sum = sum_of(values, [](double value) { return value; });
  return sum / static_cast<double>(values.size());
}

NormSummary summarize_norms(std::span<double> norms) {
  if (norms.empty() || !all_finite(norms)) return {};
  NormSummary summary;
  summary.mean = mean(norms);
  summary.std = deviation(norms, *summary.mean);
  const auto [min, max] = std::ranges::minmax_element(norms);
  summary.min = *min;
  summary.max = *max;
  const auto middle = norms.begin() + static_cast<std::ptrdiff_t>((norms.size() - 1) / 2);
  std::nth_element(norms.begin(), middle, norms.end());
  summary.median = *middle;
  return summary;
}

CentroidSummary summarize_centroid(std::span<const float> mu) {
  if (mu.empty() || !all_finite(mu)) return {};
  const std::vector<double> components(mu.begin(), mu.end());
  CentroidSummary summary;
  summary.norm =
      std::sqrt(sum_of(components, [](double component) { return component * component; }));
  summary.mean = mean(components);
  summary.std = deviation(components, *summary.mean);
  const auto [min, max] = std::ranges::minmax_element(components);
  summary.max_magnitude = std::max(-*min, *max);
  return summary;
}

}  // namespace gamma_extract
