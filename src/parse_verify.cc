#include <string>
#include <string_view>

#include "option_table.h"
#include "options.h"

namespace gamma_extract::cli {
namespace {

constexpr std::string_view help_head =
    "Usage: gamma-extract verify DIR [options]\n"
    "\n"
    "Reads the files in DIR again and proves that they are whole and belong together:\n"
    "that each is valid, that hashes and metadata agree, that mu is the exact mean of\n"
    "gamma, and that gamma_centered is gamma - mu, bit for bit. What a notebook saved\n"
    "without metadata is checked without it.\n";

constexpr std::string_view help_tail =
    "\n"
    "Examples:\n"
    "  gamma-extract verify data/tensors\n"
    "      a line a check, for every set of files in the directory\n"
    "  gamma-extract verify data/tensors --json | jq -r .sets[].model\n"
    "      the models whose files are there\n"
    "\n"
    "Exit codes: 0 all is well; 1 a check failed; 2 usage; 3 no such directory, no\n"
    "set in it, or a file that cannot be read; 4 standard output; 128 + n ended by\n"
    "signal n.\n";

struct VerifyTable {
  OptionTable table{"gamma-extract verify"};

  CLI::Option* threads = table.value("How to run", "--threads", "N",
                                     "1 to 1024 (default: as many as there are cores that\n"
                                     "the process may use)");

  CLI::Option* json =
      table.flag("What to print", "--json", "the report as one JSON object on standard output");
  CLI::Option* quiet = table.flag("What to print", "-q,--quiet",
                                  "neither report nor progress; with --json the JSON\n"
                                  "stays; the lines about failed checks stay");
  CLI::Option* help = table.flag("What to print", "-h,--help", "this text");
};

}  // namespace

Request parse_verify(std::span<const std::string> arguments) {
  VerifyTable options;
  options.table.parse(arguments);
  if (is_given(*options.help)) {
    return Information{std::string(help_head) + options.table.help() + std::string(help_tail)};
  }
  options.table.require_known();
  return VerifyCommand{.verify = {.directory = options.table.operand(
                                      "DIR", "name the directory that holds the files"),
                                  .threads = options.table.threads_of(*options.threads)},
                       .json = is_given(*options.json),
                       .quiet = is_given(*options.quiet)};
}

}  // namespace gamma_extract::cli
