#ifndef GAMMA_EXTRACT_VERIFY_REPORT_H_
#define GAMMA_EXTRACT_VERIFY_REPORT_H_

#include <string>

#include "gamma_extract/verify.h"

/// What `verify` found, for a program and for a person.
namespace gamma_extract::cli {

/// One JSON object and a newline, keys in a fixed order. ASCII; names that are no UTF-8 as in the
/// report of the main job.
std::string json_report(const Verification& verification);

/// A line a check, set by set, and the verdict.
std::string human_report(const Verification& verification);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_VERIFY_REPORT_H_
