#ifndef GAMMA_EXTRACT_CLI_H_
#define GAMMA_EXTRACT_CLI_H_

#include <functional>
#include <span>
#include <string>

#include "gamma_extract/extract.h"

/// The command line: what a person types and reads. The only room that prints.
namespace gamma_extract::cli {

/// The main job, as a parameter, so that a test can put another one in its place.
using Job = std::function<Report(const ExtractOptions&, const Observer&)>;

/// Does what the arguments say (the program's name is not among them), prints, and returns the exit
/// code. After a signal that asked for the end it does not return: everything is cleaned up, and
/// the signal is raised again. The same goes for PIPE where standard output has lost its reader.
///
/// Once the files have their names the run is done: a signal that comes later, while the report is
/// printed, ends it only where printing has to wait.
int run(std::span<const std::string> arguments, const Job& job = extract);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_CLI_H_
