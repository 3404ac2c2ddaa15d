#ifndef GAMMA_EXTRACT_OPTIONS_H_
#define GAMMA_EXTRACT_OPTIONS_H_

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "gamma_extract/extract.h"
#include "gamma_extract/inspect.h"
#include "gamma_extract/verify.h"

/// From arguments to what they ask for.
namespace gamma_extract::cli {

/// A run of the main job, as the options ask for it.
struct ExtractCommand {
  ExtractOptions extract;
  bool json = false;
  bool quiet = false;
};

struct InspectCommand {
  InspectOptions inspect;
  bool json = false;
};

struct VerifyCommand {
  VerifyOptions verify;
  bool json = false;
  bool quiet = false;
};

/// Text to print on standard output, and nothing else to do: help, or the version.
struct Information {
  std::string text;
};

using Request = std::variant<ExtractCommand, InspectCommand, VerifyCommand, Information>;

/// Parses the arguments, the program's name not among them: a command with its options, or, where
/// the first one is no command, the options of the main job. Looks at nothing but the text: whether
/// a model or a directory exists is found out by whoever uses it.
/// Throws Error(usage) with a line that suggests what was probably meant.
Request parse(std::span<const std::string> arguments);

/// The same for one command, whose own name is not among the arguments.
Request parse_extract(std::span<const std::string> arguments);
Request parse_inspect(std::span<const std::string> arguments);
Request parse_verify(std::span<const std::string> arguments);

/// Whether a person names a command so, other than the main job, which has no name.
bool is_command(std::string_view word);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_OPTIONS_H_
