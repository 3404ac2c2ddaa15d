#ifndef GAMMA_EXTRACT_INSPECT_REPORT_H_
#define GAMMA_EXTRACT_INSPECT_REPORT_H_

#include <cstddef>
#include <optional>
#include <string>

#include "gamma_extract/inspect.h"

/// What `inspect` found, for a program and for a person.
namespace gamma_extract::cli {

/// One JSON object and a newline, keys in a fixed order, a tensor a line. ASCII; names that are no
/// UTF-8 as in the report of the main job.
std::string json_report(const Inspection& inspection);

/// The choice and its reason, then the tensors as a table, shard by shard. On a terminal of so many
/// `columns` no line is longer: a long name has a line of its own, and what is longer than that, as
/// a long shape, is cut in the middle. Without `columns`, for whoever searches the text, nothing is
/// folded or cut.
std::string human_report(const Inspection& inspection, std::optional<std::size_t> columns);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_INSPECT_REPORT_H_
