#ifndef GAMMA_EXTRACT_REFERENCE_H_
#define GAMMA_EXTRACT_REFERENCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gamma_extract/stop.h"

/// What a run is to be checked against: figures that somebody has seen before.
///
/// A reference is JSON: an earlier report, any part of one, or a line written by hand,
///
///     {"centroid": {"norm": 0.3048}}
///
/// Under `gamma`, `centroid`, `centered`, `vocab_size` and `hidden_size` every number, every
/// `sha256` and every `data_xxh3` is compared, and so is a null, which stands for a figure that is
/// undefined. All else in it (paths, the model's name, seconds, a comment) is not looked at.
///
/// How far a figure may be off depends on how it was written: 0.3048 says less than 0.304777. So
/// the numbers' text is read, and not their values alone.
namespace gamma_extract {

/// A value of a report: null, a count, a figure, a hash.
using ReportValue = std::variant<std::monostate, std::uint64_t, double, std::string>;

struct Reference {
  struct Figure {
    std::string name;  ///< its keys, with dots between: "centroid.norm"
    ReportValue value;
    double unit = 0;  ///< one of the last digit written: 0.0001 of 0.3048, 10 of 1.5e2
  };

  std::string name;                        ///< as the user gave it
  bool is_report = false;                  ///< has `schema`: its figures have all their digits
  std::optional<std::string> gamma_dtype;  ///< of the gamma file; nothing where it does not say
  std::vector<Figure> figures;             ///< in the order of the file
};

/// The built-in reference of that name, else the one in the file of that name, which may be a pipe.
///
/// Throws file_missing or file_unreadable; check_reference_invalid where it is no JSON object, has
/// a key twice, has text where a number belongs or the other way round, or is a report of another
/// schema than 1; check_reference_empty where it has nothing to compare. Throws Stopped.
Reference load_reference(const std::string& name, const StopFlag& stop);

/// The same from JSON. `name` names it in messages.
Reference parse_reference(const std::string& text, const std::string& name);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_REFERENCE_H_
