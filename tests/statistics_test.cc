#include "gamma_extract/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace gamma_extract {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Expected figures are torch's, of float64 tensors `x`, printed by
/// [repr(v.item()) for v in (x.mean(), x.std(), x.min(), x.median(), x.max())].
void expect_norms(std::vector<double> norms, double mean, double std, double min, double median,
                  double max) {
  const NormSummary summary = summarize_norms(norms);
  EXPECT_NEAR(summary.mean.value(), mean, 1e-15 * mean);
  EXPECT_NEAR(summary.std.value(), std, 1e-15 * mean);
  EXPECT_EQ(summary.min.value(), min);
  EXPECT_EQ(summary.median.value(), median);
  EXPECT_EQ(summary.max.value(), max);
}

TEST(StatisticsTest, NormsAsTorchDoes) {
  // x = torch.tensor([3.0, 1.0, 4.0, 1.5, 9.25], dtype=torch.float64)
  expect_norms({3.0, 1.0, 4.0, 1.5, 9.25}, 3.75, 3.29772648956823, 1.0, 3.0, 9.25);
}

TEST(StatisticsTest, MedianOfAnEvenCountIsTheLowerOne) {
  // x = torch.tensor([3.0, 1.0, 4.0, 1.5, 9.25, 2.625], dtype=torch.float64)
  expect_norms({3.0, 1.0, 4.0, 1.5, 9.25, 2.625}, 3.5625, 2.985119344347894, 1.0, 2.625, 9.25);
}

TEST(StatisticsTest, AThousandNorms) {
  // x = (torch.arange(1000, dtype=torch.float64) * 7919 % 1009) / 1009 + 1
  std::vector<double> norms;
  for (int i = 0; i < 1000; ++i) norms.push_back(i * 7919 % 1009 / 1009.0 + 1);
  expect_norms(norms, 1.5001764122893955, 0.28890471753494684, 1.0, 1.5004955401387512,
               1.9990089197224976);
}

TEST(StatisticsTest, OneNormHasNoDeviation) {
  std::vector<double> norms{2.5};
  const NormSummary summary = summarize_norms(norms);
  EXPECT_EQ(summary.mean, 2.5);
  EXPECT_EQ(summary.std, std::nullopt);
  EXPECT_EQ(summary.min, 2.5);
  EXPECT_EQ(summary.median, 2.5);
  EXPECT_EQ(summary.max, 2.5);
}

TEST(StatisticsTest, EqualNormsHaveADeviationOfZero) {
  std::vector<double> norms(1'000'000, 0.1);
  EXPECT_EQ(summarize_norms(norms).mean, 0.1);
  EXPECT_LT(summarize_norms(norms).std.value(), 1e-22);
  // Of 49 times 0.003 the rounded mean is another value, 4e-19 away.
  std::vector<double> rounded(49, 0.003);
  EXPECT_NE(summarize_norms(rounded).mean, 0.003);
  EXPECT_LT(summarize_norms(rounded).std.value(), 1e-22);
}

TEST(StatisticsTest, WhatANonfiniteNormTouchesIsAbsent) {
  for (const double bad : {nan, infinity, -infinity}) {
    std::vector<double> norms{1.0, bad, 2.0};
    const NormSummary summary = summarize_norms(norms);
    EXPECT_EQ(summary.mean, std::nullopt);
    EXPECT_EQ(summary.std, std::nullopt);
    EXPECT_EQ(summary.min, std::nullopt);
    EXPECT_EQ(summary.median, std::nullopt);
    EXPECT_EQ(summary.max, std::nullopt);
  }
}

TEST(StatisticsTest, NothingHasNoFigures) {
  EXPECT_EQ(summarize_norms({}).mean, std::nullopt);
  EXPECT_EQ(summarize_centroid({}).norm, std::nullopt);
  EXPECT_TRUE(std::isnan(mean({})));
}

TEST(StatisticsTest, CentroidAsTorchDoes) {
  // m = torch.tensor([0.5, -0.25, 1.0, -2.0, 0.125]).double()
  // [repr(v.item()) for v in (m.norm(), m.mean(), m.std())]
  const std::vector<float> mu{0.5F, -0.25F, 1.0F, -2.0F, 0.125F};
  const CentroidSummary summary = summarize_centroid(mu);
  EXPECT_NEAR(summary.norm.value(), 2.3082731640774234, 1e-15);
  EXPECT_EQ(summary.mean, -0.125);
  EXPECT_NEAR(summary.std.value(), 1.14564392373896, 1e-15);
  EXPECT_EQ(summary.max_magnitude, 2.0);
  EXPECT_EQ(summarize_centroid(std::vector<float>{-0.5F, 3.0F}).max_magnitude, 3.0);
}

TEST(StatisticsTest, CentroidAtTheEndsOfFloat32) {
  const float max = std::numeric_limits<float>::max();
  const CentroidSummary large = summarize_centroid(std::vector<float>{max, -max});
  EXPECT_DOUBLE_EQ(large.norm.value(), std::sqrt(2.0) * max);
  EXPECT_EQ(large.mean, 0.0);
  const float least = std::numeric_limits<float>::denorm_min();
  const CentroidSummary small = summarize_centroid(std::vector<float>{least, least});
  EXPECT_DOUBLE_EQ(small.norm.value(), std::sqrt(2.0) * least);
  EXPECT_EQ(small.mean, least);
}

TEST(StatisticsTest, OneComponentHasNoDeviation) {
  const CentroidSummary summary = summarize_centroid(std::vector<float>{-3.0F});
  EXPECT_EQ(summary.norm, 3.0);
  EXPECT_EQ(summary.mean, -3.0);
  EXPECT_EQ(summary.std, std::nullopt);
}

TEST(StatisticsTest, WhatANonfiniteComponentTouchesIsAbsent) {
  for (const double bad : {nan, infinity}) {
    const CentroidSummary summary =
        summarize_centroid(std::vector<float>{1.0F, static_cast<float>(bad)});
    EXPECT_EQ(summary.norm, std::nullopt);
    EXPECT_EQ(summary.mean, std::nullopt);
    EXPECT_EQ(summary.std, std::nullopt);
    EXPECT_EQ(summary.max_magnitude, std::nullopt);
  }
}

TEST(StatisticsTest, SumsLoseNothingBesideALargeValue) {
  // Plain float64 addition, in any order of two halves, gives 0 or 0.5.
  EXPECT_EQ(mean(std::vector<double>{1.0, 1e100, 1.0, -1e100}), 0.5);
  // 2^53 + 2^20 ones: plain addition stops counting at 2^53.
  std::vector<double> values(1U << 20U, 1.0);
  values.front() = 9007199254740992.0;
  EXPECT_EQ(mean(values), (9007199254740992.0 + 1048575.0) / 1048576.0);
}

}  // namespace
}  // namespace gamma_extract
