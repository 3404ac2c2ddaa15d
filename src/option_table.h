#ifndef GAMMA_EXTRACT_OPTION_TABLE_H_
#define GAMMA_EXTRACT_OPTION_TABLE_H_

#include <CLI/CLI.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The options of one command, each with its line of help.
///
/// CLI11 takes the arguments apart. What the values must be is checked here and by the commands, so
/// that every message has the form `WHAT: WHY; REMEDY`. All functions throw Error(usage).
namespace gamma_extract::cli {

class OptionTable {
 public:
  /// `command` is what a person types before the options: "gamma-extract inspect".
  explicit OptionTable(std::string command);

  /// Adds an option that takes a value, or one that takes none. `names` is as CLI11 takes it
  /// ("-f,--force"). Options of one group stand together in the help, which breaks a line where
  /// `help` does. The result lives as long as the table.
  CLI::Option* value(const char* group, const char* names, const char* type, const char* help);
  CLI::Option* flag(const char* group, const char* names, const char* help);

  /// Parses the arguments of the command. Unknown options are left to require_known().
  void parse(std::span<const std::string> arguments);

  /// Refuses unknown options, with a suggestion.
  void require_known() const;

  /// The option that `word` names without its dashes, or all but one letter of it; nothing if it
  /// names none.
  [[nodiscard]] std::optional<std::string> option_like(std::string_view word) const;

  /// The arguments that are no options.
  [[nodiscard]] std::vector<std::string> operands() const;

  /// The one argument that is no option, of a command that must have one. `what` is its name and
  /// the remedy where it is missing or empty: "DIR", "name a directory".
  [[nodiscard]] std::string operand(std::string_view what, std::string_view remedy) const;

  /// The groups with their options, each group with an empty line before it.
  [[nodiscard]] std::string help() const;

  /// The remedy that always helps: "see gamma-extract inspect --help".
  [[nodiscard]] const std::string& see_help() const { return see_help_; }

  /// The value of an option that was given once, or nothing if it was not given. Refuses an empty
  /// one, and an option given more often.
  [[nodiscard]] std::optional<std::string> value_of(const CLI::Option& option) const;

  /// The index of the option's value among the possible ones, or 0 if it was not given.
  [[nodiscard]] std::size_t choice_of(const CLI::Option& option,
                                      std::span<const std::string> possible) const;

  /// The number of threads that `--threads` asks for, 1 to 1024, or 0 if it was not given.
  [[nodiscard]] unsigned threads_of(const CLI::Option& option) const;

 private:
  void check_assignments(std::span<const std::string> arguments) const;
  [[noreturn]] void fail_unknown(const std::string& argument) const;
  [[nodiscard]] std::vector<std::string> names() const;

  CLI::App app_;
  std::string see_help_;
};

inline bool is_given(const CLI::Option& option) {
  return option.count() > 0;
}

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_OPTION_TABLE_H_
