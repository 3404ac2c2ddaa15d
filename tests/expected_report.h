#ifndef GAMMA_EXTRACT_EXPECTED_REPORT_H_
#define GAMMA_EXTRACT_EXPECTED_REPORT_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>

#include "extraction.h"

/// A JSON report against figures that torch, numpy and exact integers made.
namespace gamma_extract::testing {

inline float max_magnitude(std::string_view mu) {
  float result = 0;
  for (std::size_t i = 0; i + sizeof(float) <= mu.size(); i += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, mu.data() + i, sizeof value);
    result = std::max(result, std::abs(value));
  }
  return result;
}

/// null matches null alone.
inline void expect_near(const Json& actual, const Json& expected, double tolerance) {
  if (actual.is_null() || expected.is_null()) {
    EXPECT_EQ(actual, expected);
  } else {
    EXPECT_NEAR(actual.get<double>(), expected.get<double>(), tolerance);
  }
}

inline double size_of(const Json& value) {
  return value.is_null() ? 0 : std::abs(value.get<double>());
}

/// The norms of gamma or gamma_centered: within 1e-12 of the value, std_norm of mean_norm.
inline void expect_norms(const Json& actual, const Json& expected) {
  for (const std::string key : {"mean_norm", "std_norm", "min_norm", "median_norm", "max_norm"}) {
    SCOPED_TRACE(key);
    const Json& scale = expected.at(key == "std_norm" ? "mean_norm" : key);
    expect_near(actual.at(key), expected.at(key), 1e-12 * size_of(scale));
  }
}

/// All that a reference knows of a report. `mu` is the data of the centroid's file, or empty where
/// the scale of its mean and std is not known; they are then left out.
inline void expect_report(const Json& report, const Json& expected, std::string_view mu) {
  for (const std::string key : {"tensor", "tied", "source_dtype", "vocab_size", "hidden_size"}) {
    if (!expected.contains(key)) continue;
    EXPECT_EQ(report.at(key), expected.at(key)) << key;
  }
  for (const std::string part : {"gamma", "centroid", "centered"}) {
    SCOPED_TRACE(part);
    for (const std::string key : {"dtype", "bytes", "data_xxh3", "sha256"}) {
      if (expected.at(part).contains(key)) {
        EXPECT_EQ(report.at(part).at(key), expected.at(part).at(key)) << key;
      }
    }
  }
  expect_norms(report.at("gamma"), expected.at("gamma"));
  expect_norms(report.at("centered"), expected.at("centered"));

  const Json& centroid = expected.at("centroid");
  const double scale = 1e-12 * static_cast<double>(max_magnitude(mu));
  expect_near(report.at("centroid").at("norm"), centroid.at("norm"),
              1e-12 * size_of(centroid.at("norm")));
  expect_near(report.at("centroid").at("mean"), centroid.at("mean"), scale);
  expect_near(report.at("centroid").at("std"), centroid.at("std"), scale);

  const Json& residual = expected.at("centered").at("residual_norm");
  expect_near(
      report.at("centered").at("residual_norm"), residual,
      std::max(1e-3 * size_of(residual), 1e-15 * size_of(expected.at("gamma").at("max_norm"))));
}

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_EXPECTED_REPORT_H_
