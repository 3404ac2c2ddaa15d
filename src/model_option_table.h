#ifndef GAMMA_EXTRACT_MODEL_OPTION_TABLE_H_
#define GAMMA_EXTRACT_MODEL_OPTION_TABLE_H_

#include <string>

#include "gamma_extract/model_location.h"
#include "option_table.h"

namespace gamma_extract::cli {

/// Which revision of a model is meant, and where it is looked for: the options of every command
/// that reads a model.
class ModelOptionTable {
 public:
  /// Adds them to the table of a command, to the group "What to read".
  explicit ModelOptionTable(OptionTable& table);

  /// What they ask for, of the model `name`.
  [[nodiscard]] ModelOptions options(const OptionTable& table, const std::string& name) const;

 private:
  CLI::Option* revision_;
  CLI::Option* cache_dir_;
  CLI::Option* offline_;
};

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_MODEL_OPTION_TABLE_H_
