#ifndef GAMMA_EXTRACT_REPORT_H_
#define GAMMA_EXTRACT_REPORT_H_

#include <string>
#include <vector>

#include "gamma_extract/extract.h"

/// The report of a run, for a program and for a person.
namespace gamma_extract::cli {

/// One JSON object and a newline, keys in a fixed order. Figures have as many digits as it takes to
/// read the same float64 again; an absent one is null, never NaN. Bytes that are no UTF-8 stand as
/// U+FFFD, as they do in the files' metadata. The text is ASCII, the rest stands as \uXXXX.
std::string json_report(const Report& report);

/// Some lines of text, figures to the digits that the notebook prints, absent ones as "n/a". ASCII,
/// but for names that are not. Warnings are not among them: they were printed as they came up.
std::string human_report(const Report& report);

/// What a check found to differ, a line each, in the form of an error's text. None where it passed,
/// or where there was none.
std::vector<std::string> differences(const Report& report);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_REPORT_H_
