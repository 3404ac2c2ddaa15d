#include <optional>
#include <string>
#include <string_view>

#include "model_option_table.h"
#include "option_table.h"
#include "options.h"

namespace gamma_extract::cli {
namespace {

constexpr std::string_view help_head =
    "Usage: gamma-extract inspect MODEL|FILE [options]\n"
    "\n"
    "Tells which tensor of a checkpoint is its unembedding matrix, and why, and lists\n"
    "every tensor with its dtype, shape and bytes. Reads headers only. Of a single\n"
    "safetensors file it tells whether it is valid, and which rule it breaks.\n";

constexpr std::string_view help_tail =
    "\n"
    "Examples:\n"
    "  gamma-extract inspect examples/qwen3-tiny\n"
    "      what the main job would take, and what else there is\n"
    "  gamma-extract inspect ~/models/Qwen3-4B --json | jq -r .choice.tensor\n"
    "      the name of the matrix\n"
    "\n"
    "Exit codes: 0 done; 2 usage; 3 the input is not valid, or no tensor of it can be\n"
    "chosen; 4 standard output; 5 the network; 128 + n ended by signal n.\n";

struct InspectTable {
  OptionTable table{"gamma-extract inspect"};

  ModelOptionTable which{table};
  CLI::Option* tensor = table.value("What to read", "--tensor", "NAME",
                                    "take this tensor, whatever the rules say; no\n"
                                    "config.json is needed then");
  CLI::Option* json =
      table.flag("What to print", "--json", "the list as one JSON object on standard output");
  CLI::Option* help = table.flag("What to print", "-h,--help", "this text");
};

}  // namespace

Request parse_inspect(std::span<const std::string> arguments) {
  InspectTable options;
  options.table.parse(arguments);
  if (is_given(*options.help)) {
    return Information{std::string(help_head) + options.table.help() + std::string(help_tail)};
  }
  options.table.require_known();
  return InspectCommand{
      .inspect = {.model = options.which.options(
                      options.table, options.table.operand("MODEL", "name a checkpoint or a file")),
                  .tensor = options.table.value_of(*options.tensor)},
      .json = is_given(*options.json)};
}

}  // namespace gamma_extract::cli
