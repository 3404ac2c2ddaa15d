#ifndef GAMMA_EXTRACT_REPORT_H_
#define GAMMA_EXTRACT_REPORT_H_

#include <string>

#include "gamma_extract/extract.h"

/// The report of a run, for a program and for a person.
namespace gamma_extract::cli {

/// One JSON object and a newline, keys in the order of the contract; bytes that are no UTF-8 as
/// U+FFFD.
std::string json_report(const Report& report);

/// Some lines of text, figures to the digits that the notebook prints.
std::string human_report(const Report& report);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_REPORT_H_
