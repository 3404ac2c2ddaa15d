#ifndef GAMMA_EXTRACT_CLI_H_
#define GAMMA_EXTRACT_CLI_H_

#include <span>
#include <string>
#include <variant>

#include "gamma_extract/extract.h"

/// The command line: what a person types and reads. The only room that prints.
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

/// Parses the arguments, the program's name not among them.
/// Throws Error(usage) with a line that suggests the option that was probably meant.
std::variant<Command, Information> parse(std::span<const std::string> arguments);

/// Does what the arguments say, prints, and returns the exit code. After a signal that asked for
/// the end it does not return: everything is cleaned up, and the signal is raised again.
int run(std::span<const std::string> arguments);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_CLI_H_
