#include "options.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "gamma_extract/error.h"
#include "suggestion.h"

namespace gamma_extract::cli {
namespace {

struct NamedCommand {
  std::string_view name;
  Request (*parse)(std::span<const std::string> arguments);
};

constexpr std::array commands{
    NamedCommand{.name = "inspect", .parse = parse_inspect},
    NamedCommand{.name = "verify", .parse = parse_verify},
};

/// Refuses a first word that may have been meant as a command. One that is like none is left to
/// the main job, which knows what to make of a model's name.
void require_no_slip(const std::string& word) {
  std::vector<std::string> names;
  names.reserve(commands.size());
  for (const NamedCommand& command : commands) names.emplace_back(command.name);
  const std::optional<std::string> meant = nearest(word, names);
  if (meant) fail(Fault::usage, "{}: no such command; did you mean {}?", word, *meant);
}

}  // namespace

bool is_command(std::string_view word) {
  return std::ranges::find(commands, word, &NamedCommand::name) != commands.end();
}

Request parse(std::span<const std::string> arguments) {
  if (arguments.empty() || arguments.front().starts_with('-')) return parse_extract(arguments);
  const auto* const command = std::ranges::find(commands, arguments.front(), &NamedCommand::name);
  if (command != commands.end()) return command->parse(arguments.subspan(1));
  require_no_slip(arguments.front());
  return parse_extract(arguments);
}

}  // namespace gamma_extract::cli
