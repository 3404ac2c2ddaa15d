#include "option_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "edit_distance.h"
#include "gamma_extract/error.h"
#include "gamma_extract/text.h"
#include "suggestion.h"

namespace gamma_extract::cli {
namespace {

// Far more than any machine has cores; each thread costs some MB.
constexpr unsigned max_threads = 1024;

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

std::string help_of(const CLI::Option& option) {
  constexpr std::size_t column = 26;
  std::string names =
      option.get_snames().empty()
          ? "      --" + option.get_lnames().front()
          : fmt::format("  -{}, --{}", option.get_snames().front(), option.get_lnames().front());
  if (takes_value(option)) names += " " + option.get_type_name();
  std::string text = fmt::format("{:<{}}", names, column);
  for (const char letter : option.get_description()) {
    text += letter;
    if (letter == '\n') text.append(column, ' ');
  }
  return text + "\n";
}

/// The one name that begins so; nothing where it is none or several.
std::optional<std::string> only_beginning(const std::string& beginning,
                                          const std::vector<std::string>& names) {
  const auto begins = [&](const std::string& name) { return name.starts_with(beginning); };
  if (std::ranges::count_if(names, begins) != 1) return std::nullopt;
  return *std::ranges::find_if(names, begins);
}

bool is_option(const std::string& argument) {
  return argument.size() > 1 && argument.starts_with('-') && argument != "--";
}

}  // namespace

OptionTable::OptionTable(std::string command) : see_help_("see " + std::move(command) + " --help") {
  app_.allow_extras();
  // CLI11's own would throw the help in CLI11's form.
  app_.set_help_flag();
}

CLI::Option* OptionTable::value(const char* group, const char* names, const char* type,
                                const char* help) {
  // A value is optional to CLI11, so that it does not take a following option for one.
  return app_.add_option(names)
      ->description(help)
      ->group(group)
      ->type_name(type)
      ->expected(0, 1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

CLI::Option* OptionTable::flag(const char* group, const char* names, const char* help) {
  return app_.add_flag(names)->description(help)->group(group);
}

void OptionTable::parse(std::span<const std::string> arguments) {
  check_assignments(arguments);
  try {
    // CLI11 wants the last one first.
    app_.parse(std::vector<std::string>(std::make_reverse_iterator(arguments.end()),
                                        std::make_reverse_iterator(arguments.begin())));
  } catch (const CLI::ParseError& error) {
    fail(Fault::usage, "{}; {}", error.what(), see_help_);
  }
}

// CLI11 takes `--out= x` for `--out x`, and `--json=false` for the opposite of `--json`.
void OptionTable::check_assignments(std::span<const std::string> arguments) const {
  for (const std::string& argument : arguments) {
    if (argument == "--") return;
    const std::size_t sign = argument.find('=');
    if (!argument.starts_with("--") || sign == std::string::npos) continue;
    const std::string name = argument.substr(0, sign);
    const CLI::Option* option = app_.get_option_no_throw(name);
    if (option == nullptr) continue;
    if (!takes_value(*option)) {
      fail(Fault::usage, "{}: {} takes no value; {}", argument, name, see_help_);
    }
    if (sign + 1 == argument.size()) {
      fail(Fault::usage, "{}: the value is empty; give {}, {}", name, option->get_type_name(),
           see_help_);
    }
  }
}

void OptionTable::require_known() const {
  const std::vector<std::string> extras = app_.remaining();
  for (const std::string& argument : extras) {
    if (argument == "--") return;
    if (is_option(argument)) fail_unknown(argument);
  }
}

void OptionTable::fail_unknown(const std::string& argument) const {
  const std::string name = argument.substr(0, argument.find('='));
  const std::size_t dashes = std::min(name.find_first_not_of('-'), name.size());
  const std::string word = name.substr(dashes);
  const std::optional<std::string> meant =
      word.size() == 1 ? only_beginning(word, names()) : nearest(word, names());
  if (meant) fail(Fault::usage, "{}: unknown option; did you mean --{}?", name, *meant);
  fail(Fault::usage, "{}: unknown option; {}", name, see_help_);
}

std::vector<std::string> OptionTable::names() const {
  std::vector<std::string> names;
  for (const CLI::Option* option : app_.get_options()) {
    names.push_back(option->get_lnames().front());
  }
  return names;
}

std::optional<std::string> OptionTable::option_like(std::string_view word) const {
  constexpr std::size_t shortest = 3;  // where one letter is a third
  if (word.size() < shortest) return std::nullopt;
  for (const std::string& name : names()) {
    if (edit_distance(lower_case(word), name) <= 1) return name;
  }
  return std::nullopt;
}

std::vector<std::string> OptionTable::operands() const {
  std::vector<std::string> operands = app_.remaining();
  const auto separator = std::ranges::find(operands, "--");
  if (separator != operands.end()) operands.erase(separator);
  return operands;
}

std::string OptionTable::operand(std::string_view what, std::string_view remedy) const {
  const std::vector<std::string> given = operands();
  if (given.empty() || given.front().empty()) {
    fail(Fault::usage, "{}: missing or empty; {}, {}", what, remedy, see_help_);
  }
  if (given.size() > 1) {
    fail(Fault::usage, "'{}': unexpected argument; quote a name that has spaces, {}", given[1],
         see_help_);
  }
  return given.front();
}

std::string OptionTable::help() const {
  std::string text;
  std::string group;
  for (const CLI::Option* option : app_.get_options()) {
    if (option->get_group() != group) {
      group = option->get_group();
      text += fmt::format("\n{}:\n", group);
    }
    text += help_of(*option);
  }
  return text;
}

std::optional<std::string> OptionTable::value_of(const CLI::Option& option) const {
  if (option.count() == 0) return std::nullopt;
  const std::string name = option.get_name();
  if (option.count() > 1) {
    fail(Fault::usage, "{}: given {}; give it once, {}", name,
         option.count() == 2 ? "twice" : fmt::format("{} times", option.count()), see_help_);
  }
  const std::string& value = option.results().front();
  if (value.empty()) {
    fail(Fault::usage,
         "{0}: the value is missing or empty; give {0} {1} (or {0}={1} where it begins with a "
         "dash), {2}",
         name, option.get_type_name(), see_help_);
  }
  return value;
}

std::size_t OptionTable::choice_of(const CLI::Option& option,
                                   std::span<const std::string> possible) const {
  const std::optional<std::string> value = value_of(option);
  if (!value) return 0;
  const auto found = std::ranges::find(possible, *value);
  if (found != possible.end()) return static_cast<std::size_t>(found - possible.begin());
  const std::string name = option.get_name();
  const std::optional<std::string> meant = nearest(*value, possible);
  if (meant) {
    fail(Fault::usage, "{} {}: unknown value; did you mean {}?", name, *value, *meant);
  }
  fail(Fault::usage, "{} {}: this version has no such value; give {}, {}", name, *value,
       fmt::join(possible, " or "), see_help_);
}

unsigned OptionTable::threads_of(const CLI::Option& option) const {
  const std::optional<std::string> value = value_of(option);
  if (!value) return 0;
  unsigned threads = 0;
  const char* const end = value->data() + value->size();
  const auto [rest, error] = std::from_chars(value->data(), end, threads);
  if (error != std::errc() || rest != end || threads < 1 || threads > max_threads) {
    fail(Fault::usage,
         "{} {}: not an integer from 1 to {}; give one, or leave it out for all cores",
         option.get_name(), *value, max_threads);
  }
  return threads;
}

}  // namespace gamma_extract::cli
