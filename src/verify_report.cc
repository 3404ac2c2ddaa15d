#include "verify_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "gamma_extract/text.h"
#include "report_parts.h"

namespace gamma_extract::cli {
namespace {

using cli::json_of;

Json json_of(const Verification::Set& set) {
  Json checks = Json::array();
  for (const Verification::Check& check : set.checks) {
    checks.push_back(
        {{"name", check.name}, {"passed", check.passed}, {"detail", json_of(check.detail)}});
  }
  return {{"slug", set.slug}, {"model", json_of(set.model)}, {"checks", std::move(checks)}};
}

/// Two cells more than elsewhere, for the name of a check below that of its set.
std::string line(std::string_view name, std::string_view text) {
  return fmt::format("{:<18}{}\n", name, text);
}

std::string lines_of(const Verification::Set& set) {
  std::string text = line("set", set.slug);
  text += line("model", set.model ? printable(*set.model) : "not named, for want of metadata");
  for (const Verification::Check& check : set.checks) {
    text += fmt::format("  {:<16}{:<8}{}\n", check.name, check.passed ? "ok" : "FAILED",
                        printable(check.detail));
  }
  return text + "\n";
}

std::string verdict(const Verification& verification) {
  std::size_t checks = 0;
  std::size_t failed = 0;
  for (const Verification::Set& set : verification.sets) {
    checks += set.checks.size();
    failed += static_cast<std::size_t>(
        std::ranges::count(set.checks, false, &Verification::Check::passed));
  }
  if (failed == 0) return fmt::format("passed: all {} checks\n", checks);
  return fmt::format("failed: {} of {} checks\n", failed, checks);
}

}  // namespace

std::string json_report(const Verification& verification) {
  Json sets = Json::array();
  for (const Verification::Set& set : verification.sets) sets.push_back(json_of(set));
  const Json json{{"schema", 1}, {"passed", verification.passed()}, {"sets", std::move(sets)}};
  return json_text(json, 2) + "\n";
}

std::string human_report(const Verification& verification) {
  std::string text;
  for (const Verification::Set& set : verification.sets) text += lines_of(set);
  return text + verdict(verification);
}

}  // namespace gamma_extract::cli
