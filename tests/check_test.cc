#include "gamma_extract/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "expect_fault.h"
#include "gamma_extract/extract.h"
#include "report.h"

namespace gamma_extract {
namespace {

using nlohmann::json;

/// Figures of two digits and more, so that each tolerance is another.
Report example() {
  Report report;
  report.model = "m";
  report.tensor = "lm_head.weight";
  report.source_dtype = "BF16";
  report.vocab_size = 1500;
  report.hidden_size = 64;
  report.gamma = {.path = "g",
                  .dtype = "F32",
                  .bytes = 384000,
                  .data_xxh3 = "00112233445566778899aabbccddeeff",
                  .norms = {.mean = 8.0, .std = 0.125, .min = 2.0, .median = 7.5, .max = 16.0}};
  report.centroid = {
      .path = "c",
      .sha256 = std::string(64, 'a'),
      .data_xxh3 = "ffeeddccbbaa99887766554433221100",
      .summary = {.norm = 0.3212743081363139, .mean = -0.002, .std = 0.04, .max_magnitude = 0.5}};
  report.centered = {.path = "d",
                     .dtype = "F32",
                     .bytes = 384000,
                     .data_xxh3 = "0123456789abcdef0123456789abcdef",
                     .norms = {.mean = 4.0, .std = 0.25, .min = 1.0, .median = 3.5, .max = 12.0}};
  report.residual_norm = 1e-8;
  return report;
}

json json_of(const Report& report) {
  return json::parse(cli::json_report(report));
}

Check check(const std::string& reference, const Report& report = example()) {
  return compare(parse_reference(reference, "ref.json"), report);
}

bool passes(const std::string& reference, const Report& report = example()) {
  return check(reference, report).passed;
}

/// A reference with one figure, `value` as it is written.
std::string one(const std::string& part, const std::string& key, const std::string& value) {
  return "{\"" + part + "\": {\"" + key + "\": " + value + "}}";
}

/// The same as a report would have it.
std::string reported(const std::string& part, const std::string& key, double value) {
  return json({{"schema", 1}, {part, {{key, value}}}}).dump();
}

TEST(CheckTest, AReportPassesAgainstItself) {
  const Check whole = check(cli::json_report(example()));
  EXPECT_EQ(whole.reference, "ref.json");
  EXPECT_TRUE(whole.passed);
  EXPECT_EQ(whole.compared.size(), 22U);
  for (const Comparison& comparison : whole.compared) {
    EXPECT_TRUE(comparison.passed) << comparison.name;
    EXPECT_EQ(comparison.expected, comparison.actual) << comparison.name;
  }
}

TEST(CheckTest, EveryPartOfAReportPassesAlone) {
  json report = json_of(example());
  EXPECT_TRUE(passes(report.dump()));
  for (const std::string part : {"gamma", "centroid", "centered", "vocab_size", "hidden_size"}) {
    EXPECT_TRUE(passes(json({{part, report[part]}}).dump())) << part;
  }
  for (const std::string part : {"gamma", "centroid", "centered"}) {
    for (const auto& [key, value] : report[part].items()) {
      if (key == "path" || key == "dtype") continue;
      EXPECT_TRUE(passes(json({{part, {{key, value}}}}).dump())) << part << "." << key;
      EXPECT_TRUE(passes(json({{"schema", 1}, {part, {{key, value}}}}).dump())) << key;
    }
  }
}

TEST(CheckTest, EveryFigureOfAReportIsSeenToDiffer) {
  const json report = json_of(example());
  int figures = 0;
  const json flat = report.flatten();
  for (const auto& [key, value] : flat.items()) {
    json changed = report;
    const json::json_pointer pointer(key);
    const std::string part = pointer.to_string().substr(1, pointer.to_string().find('/', 1) - 1);
    const bool compared = part == "gamma" || part == "centroid" || part == "centered" ||
                          part == "vocab_size" || part == "hidden_size";
    if (!compared || key.ends_with("/path") || key.ends_with("/dtype")) continue;
    changed[pointer] = value.is_string() ? json("00" + value.get<std::string>().substr(2) + "0")
                                         : json(value.get<double>() / 2);
    const Check result = check(changed.dump());
    EXPECT_FALSE(result.passed) << key;
    int failed = 0;
    for (const Comparison& comparison : result.compared) {
      if (comparison.passed) continue;
      ++failed;
      std::string name = comparison.name;
      if (const auto dot = name.find('.'); dot != std::string::npos) name[dot] = '/';
      EXPECT_EQ("/" + name, key);
    }
    EXPECT_EQ(failed, 1) << key;
    ++figures;
  }
  EXPECT_EQ(figures, 22);
}

TEST(CheckTest, AllElseInAReportMayDiffer) {
  Report other = example();
  other.model = "another";
  other.revision = "r";
  other.tensor = "t";
  other.tied = true;
  other.reason = "why";
  other.shard = "s";
  other.source_dtype = "F16";
  other.nonfinite = 3;
  other.device = "cuda:0";
  other.threads = 9;
  other.seconds = 1;
  other.bytes_read = 1;
  other.bytes_written = 1;
  other.gamma.path.reset();
  other.centroid.path.reset();
  other.centered.path.reset();
  other.warnings = {"w"};
  EXPECT_TRUE(passes(cli::json_report(other)));
}

TEST(CheckTest, AHandWrittenFigureMayBeOffByAUnitOfItsLastDigit) {
  // The run's is 0.3212743...
  EXPECT_TRUE(passes(one("centroid", "norm", "0.3213")));
  EXPECT_TRUE(passes(one("centroid", "norm", "0.3212")));
  EXPECT_FALSE(passes(one("centroid", "norm", "0.3211")));
  EXPECT_FALSE(passes(one("centroid", "norm", "0.3215")));
  EXPECT_FALSE(passes(one("centroid", "norm", "0.32130")));
  EXPECT_TRUE(passes(one("centroid", "norm", "3.213e-1")));
  EXPECT_FALSE(passes(one("centroid", "norm", "3.215e-1")));
  EXPECT_TRUE(passes(one("centroid", "norm", "1")));
  EXPECT_TRUE(passes(one("centroid", "mean", "0.00")));
  EXPECT_FALSE(passes(one("centroid", "mean", "0.000")));
  EXPECT_TRUE(passes(one("gamma", "max_norm", "2e1")));
  EXPECT_EQ(check(one("centroid", "norm", "0.3213")).compared.at(0).tolerance, 0.0001);
}

TEST(CheckTest, AUnitIsMeantInDecimal) {
  // 3.5 and 3.4 differ by 0.1 and 9e-17, 0.125 and 0.126 by less than 0.001.
  for (const char* const number : {"3.4", "3.5", "3.6"}) {
    EXPECT_TRUE(passes(one("centered", "median_norm", number))) << number;
  }
  for (const char* const number : {"3.3", "3.7", "3.39", "3.61"}) {
    EXPECT_FALSE(passes(one("centered", "median_norm", number))) << number;
  }
}

TEST(CheckTest, ManyDigitsAreNotHeldToTheLast) {
  // 1e-9 of the value, of mean_norm, of the largest component.
  EXPECT_TRUE(passes(one("gamma", "mean_norm", "8.0000000070000001")));
  EXPECT_FALSE(passes(one("gamma", "mean_norm", "8.0000000090000001")));
  EXPECT_TRUE(passes(one("gamma", "std_norm", "0.12500000700000001")));
  EXPECT_FALSE(passes(one("gamma", "std_norm", "0.12500000900000001")));
  EXPECT_TRUE(passes(one("centroid", "mean", "-0.0020000004000000001")));
  EXPECT_FALSE(passes(one("centroid", "mean", "-0.0020000006000000001")));
}

TEST(CheckTest, AReportsFiguresMayBeOffByABillionth) {
  struct Case {
    const char *part, *key;
    double value, scale;
  };
  for (const Case& each : {Case{"gamma", "mean_norm", 8, 8},
                           {"gamma", "std_norm", 0.125, 8},
                           {"gamma", "min_norm", 2, 2},
                           {"gamma", "median_norm", 7.5, 7.5},
                           {"gamma", "max_norm", 16, 16},
                           {"centroid", "norm", 0.3212743081363139, 0.3212743081363139},
                           {"centroid", "mean", -0.002, 0.5},
                           {"centroid", "std", 0.04, 0.5},
                           {"centered", "mean_norm", 4, 4},
                           {"centered", "std_norm", 0.25, 4},
                           {"centered", "min_norm", 1, 1},
                           {"centered", "median_norm", 3.5, 3.5},
                           {"centered", "max_norm", 12, 12}}) {
    for (const double sign : {-1.0, 1.0}) {
      const double off = sign * 1e-9 * each.scale;
      EXPECT_TRUE(passes(reported(each.part, each.key, each.value + 0.9 * off)))
          << each.part << each.key;
      EXPECT_FALSE(passes(reported(each.part, each.key, each.value + 1.1 * off)))
          << each.part << each.key;
    }
    EXPECT_DOUBLE_EQ(
        check(reported(each.part, each.key, each.value)).compared.at(0).tolerance.value(),
        1e-9 * each.scale);
  }
  // However few digits a figure of a report happens to have.
  EXPECT_FALSE(passes(R"({"schema": 1, "centered": {"mean_norm": 4.1}})"));
}

TEST(CheckTest, CountsAndHashesMustBeEqual) {
  for (const char* const start : {"{", R"({"schema": 1, )"}) {
    const std::string head(start);
    EXPECT_TRUE(passes(head + R"("vocab_size": 1500})"));
    EXPECT_TRUE(passes(head + R"("vocab_size": 1500.0})"));
    EXPECT_FALSE(passes(head + R"("vocab_size": 1501})"));
    EXPECT_FALSE(passes(head + R"("vocab_size": 1499})"));
    EXPECT_FALSE(passes(head + R"("vocab_size": -1500})"));
    EXPECT_FALSE(passes(head + R"("hidden_size": 65})"));
    EXPECT_FALSE(passes(head + R"("gamma": {"bytes": 384001}})"));
    EXPECT_FALSE(passes(head + R"("centered": {"bytes": 383999}})"));
    EXPECT_FALSE(passes(head + R"("centered": {"bytes": 1e3}})"));
    EXPECT_FALSE(passes(head + R"("centroid": {"sha256": "aa"}})"));
    EXPECT_FALSE(passes(head + R"("centroid": {"data_xxh3": ""}})"));
  }
  EXPECT_TRUE(passes(one("centroid", "data_xxh3", "\"FFEEDDCCBBAA99887766554433221100\"")));
  EXPECT_EQ(check(R"({"vocab_size": 1500})").compared.at(0).tolerance, 0.0);
  EXPECT_EQ(check(one("centroid", "sha256", "\"a\"")).compared.at(0).tolerance, std::nullopt);
}

TEST(CheckTest, GammasDataCountsOnlyWhereItsTypeIsTheSame) {
  const std::string data = R"("bytes": 192000, "data_xxh3": "00", "mean_norm": 8.0)";
  const Check same = check(R"({"gamma": {"dtype": "F32", )" + data + "}}");
  EXPECT_FALSE(same.passed);
  EXPECT_EQ(same.compared.size(), 3U);
  const Check other = check(R"({"gamma": {)" + data + R"(, "dtype": "BF16"}})");
  EXPECT_TRUE(other.passed);
  ASSERT_EQ(other.compared.size(), 1U);
  EXPECT_EQ(other.compared[0].name, "gamma.mean_norm");
  // What does not say is held to what it does say.
  EXPECT_FALSE(passes(R"({"gamma": {)" + data + "}}"));
  // gamma_centered is float32 whatever gamma is.
  EXPECT_FALSE(passes(R"({"gamma": {"dtype": "BF16"}, "centered": {"bytes": 1}})"));
}

TEST(CheckTest, WhatOnlyKnowsAnotherGammaHasNothingToCompare) {
  const auto reference = [](const std::string& rest) {
    return parse_reference(R"({"gamma": {"dtype": "BF16", "bytes": 1, "data_xxh3": "0"})" + rest,
                           "ref.json");
  };
  EXPECT_FAULT(require_comparable(reference("}"), "F32"), check_reference_empty);
  EXPECT_NO_THROW(require_comparable(reference("}"), "BF16"));
  EXPECT_NO_THROW(require_comparable(reference(R"(, "vocab_size": 1})"), "F32"));
}

TEST(CheckTest, TheResidualIsBoundedFromAboveAlone) {
  // The run's is 1e-8; 1e-15 of max_norm is 1.6e-14.
  for (const bool schema : {false, true}) {
    const auto residual_passes = [schema](const std::string& residual, const Report& report) {
      return passes((schema ? R"({"schema": 1, )" : "{") +
                        (R"("centered": {"residual_norm": )" + residual + "}}"),
                    report);
    };
    Report report = example();
    EXPECT_TRUE(residual_passes("1e-8", report));
    EXPECT_TRUE(residual_passes("0.991e-8", report));
    EXPECT_FALSE(residual_passes("0.989e-8", report));
    EXPECT_TRUE(residual_passes("1", report));
    EXPECT_FALSE(residual_passes("0", report));
    EXPECT_FALSE(residual_passes("-1", report));
    report.residual_norm = 1.5e-14;
    EXPECT_TRUE(residual_passes("0", report));
    EXPECT_TRUE(residual_passes("1e-15", report));
    report.residual_norm = 1.7e-14;
    EXPECT_FALSE(residual_passes("0", report));
    EXPECT_FALSE(residual_passes("1e-15", report));
    report.residual_norm = 0;
    EXPECT_TRUE(residual_passes("1e-8", report));
  }
}

TEST(CheckTest, NullMatchesNullAlone) {
  Report report = example();
  report.gamma.norms.std = std::nullopt;
  report.residual_norm = std::nullopt;
  EXPECT_TRUE(passes(one("gamma", "std_norm", "null"), report));
  EXPECT_TRUE(passes(one("centered", "residual_norm", "null"), report));
  EXPECT_FALSE(passes(one("gamma", "std_norm", "0"), report));
  EXPECT_FALSE(passes(one("centered", "residual_norm", "1"), report));
  EXPECT_FALSE(passes(one("gamma", "mean_norm", "null"), report));
  EXPECT_FALSE(passes(one("centroid", "sha256", "null"), report));
  EXPECT_FALSE(passes(R"({"vocab_size": null})", report));
  EXPECT_TRUE(passes(cli::json_report(report), report));
}

TEST(CheckTest, AKeyThatTheRunDoesNotHaveFails) {
  for (const std::string& reference :
       {one("gamma", "mean_nrom", "8.0"), one("gamma", "sha256", "\"aa\""),
        one("gamma", "residual_norm", "1"), one("centroid", "maen", "null"),
        one("centroid", "norms", R"({"mean": 1})"), one("centered", "norms", "[1]"),
        std::string(R"({"centroid": 1})"), std::string(R"({"gamma": null})")}) {
    const Check result = check(reference);
    EXPECT_FALSE(result.passed) << reference;
    ASSERT_EQ(result.compared.size(), 1U);
    EXPECT_FALSE(result.compared[0].known);
    EXPECT_EQ(result.compared[0].actual, ReportValue());
    EXPECT_EQ(result.compared[0].tolerance, std::nullopt);
  }
  EXPECT_TRUE(check(one("gamma", "mean_norm", "8.0")).compared.at(0).known);
}

TEST(CheckTest, OneFailureIsEnough) {
  const Check result = check(R"({"vocab_size": 1, "hidden_size": 64})");
  EXPECT_FALSE(result.passed);
  EXPECT_FALSE(result.compared.at(0).passed);
  EXPECT_TRUE(result.compared.at(1).passed);
}

}  // namespace
}  // namespace gamma_extract
