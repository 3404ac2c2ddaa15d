#ifndef GAMMA_EXTRACT_OPTIONS_H_
#define GAMMA_EXTRACT_OPTIONS_H_

#include <span>
#include <string>
#include <variant>

#include "gamma_extract/extract.h"

/// From arguments to what they ask for.
namespace gamma_extract::cli {

/// A run of the main job, as the options ask for it.
struct Command {
  ExtractOptions extract;
  bool json = false;
  bool quiet = false;
};

/// Text to print on standard output, and nothing else to do: help, or the version.
struct Information {
  std::string text;
};

/// Parses the arguments, the program's name not among them. Looks at nothing but the text: whether
/// a model or a directory exists is found out by whoever uses it.
/// Throws Error(usage) with a line that suggests what was probably meant.
std::variant<Command, Information> parse(std::span<const std::string> arguments);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_OPTIONS_H_
