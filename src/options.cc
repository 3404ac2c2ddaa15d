#include "options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

#include "gamma_extract/error.h"
#include "suggestion.h"
#include "version.h"

namespace gamma_extract::cli {
namespace {

// Far more than any machine has cores; each thread costs some MB.
constexpr unsigned max_threads = 1024;

constexpr std::string_view see_help = "see gamma-extract --help";

constexpr std::string_view help_head =
    "Usage: gamma-extract --model MODEL --out DIR [options]\n"
    "\n"
    "Takes the unembedding matrix gamma out of a safetensors checkpoint, without\n"
    "loading the model, computes its centroid mu (the mean row), and writes gamma, mu\n"
    "and gamma - mu as three safetensors files, all of them or none.\n";

constexpr std::string_view help_tail =
    "\n"
    "Examples:\n"
    "  gamma-extract --model examples/qwen3-tiny --out data/tensors\n"
    "      write the three files, and print what they hold\n"
    "  gamma-extract --model ~/models/Qwen3-4B --json | jq .centroid.norm\n"
    "      write nothing, and compute one figure\n"
    "\n"
    "Exit codes: 0 done; 1 the self-check failed; 2 usage; 3 the input; 4 the output;\n"
    "128 + n ended by signal n.\n";

/// The options, each with its line of help. CLI11 takes the arguments apart; what they must be is
/// checked below, so that every message has the same form.
struct OptionTable {
  CLI::App app;

  CLI::Option* model = value("What to read", "--model", "MODEL",
                             "the checkpoint: a directory with config.json and\n"
                             "safetensors files, or with --tensor one such file");
  CLI::Option* tensor = value("What to read", "--tensor", "NAME",
                              "take this tensor, whatever the rules say; no\n"
                              "config.json is needed then");
  CLI::Option* allow_nonfinite = flag("What to read", "--allow-nonfinite",
                                      "accept NaN and infinity in the matrix, and count\n"
                                      "them, instead of refusing it");

  CLI::Option* out = value("What to write", "--out", "DIR",
                           "the directory of the files, created if missing;\n"
                           "without it, only with --json, nothing is written");
  CLI::Option* dtype = value("What to write", "--dtype", "DTYPE",
                             "of the gamma file: float32 (default), or source, the\n"
                             "stored bytes unchanged");
  CLI::Option* name = value("What to write", "--name", "SLUG",
                            "the label in the file names: a-z, 0-9 and single\n"
                            "underscores (default: made from MODEL)");
  CLI::Option* force =
      flag("What to write", "-f,--force", "replace files of another model, or without metadata");
  CLI::Option* no_metadata = flag("What to write", "--no-metadata",
                                  "no labels in the files: the same bytes as\n"
                                  "safetensors.torch.save_file writes");
  CLI::Option* fsync = flag("What to write", "--fsync",
                            "have the files on the disk before they get their\n"
                            "names, against a power cut");

  CLI::Option* device = value("How to run", "--device", "DEVICE", "auto (default) or cpu");
  CLI::Option* threads = value("How to run", "--threads", "N",
                               "1 to 1024 (default: as many as there are cores that\n"
                               "the process may use); the files are the same");

  CLI::Option* json =
      flag("What to print", "--json", "the report as one JSON object on standard output");
  CLI::Option* quiet = flag("What to print", "-q,--quiet",
                            "neither report nor progress; with --json the JSON\n"
                            "stays; warnings stay");
  CLI::Option* help = plain_help_flag("What to print", "this text");
  CLI::Option* version = flag("What to print", "-V,--version",
                              "the versions of the program and of its libtorch, and\n"
                              "the devices");

  OptionTable() { app.allow_extras(); }

 private:
  CLI::Option* value(const char* group, const char* names, const char* type,
                     const char* help_text) {
    // A value is optional to CLI11, so that it does not take a following option for one.
    return app.add_option(names)
        ->description(help_text)
        ->group(group)
        ->type_name(type)
        ->expected(0, 1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  CLI::Option* flag(const char* group, const char* names, const char* help_text) {
    return app.add_flag(names)->description(help_text)->group(group);
  }
  /// In place of CLI11's own, which throws the help in CLI11's form.
  CLI::Option* plain_help_flag(const char* group, const char* help_text) {
    app.set_help_flag();
    return flag(group, "-h,--help", help_text);
  }
};

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

// Help.

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

std::string help_text(const OptionTable& table) {
  std::string text(help_head);
  std::string group;
  for (const CLI::Option* option : table.app.get_options()) {
    if (option->get_group() != group) {
      group = option->get_group();
      text += fmt::format("\n{}:\n", group);
    }
    text += help_of(*option);
  }
  return text.append(help_tail);
}

std::string version_text() {
  return fmt::format("gamma-extract {} (libtorch {}; devices: cpu)\n", gamma_extract::version,
                     libtorch_version);
}

// Arguments that are no options.

/// With its dashes, or nothing.
std::optional<std::string> nearest_option(const OptionTable& table, std::string_view typed) {
  typed.remove_prefix(std::min(typed.find_first_not_of('-'), typed.size()));
  std::vector<std::string> names;
  for (const CLI::Option* option : table.app.get_options()) {
    names.push_back(option->get_lnames().front());
  }
  const std::optional<std::string> name = nearest(typed.substr(0, typed.find('=')), names);
  if (!name) return std::nullopt;
  return "--" + *name;
}

[[noreturn]] void fail_unknown(const OptionTable& table, const std::string& argument) {
  if (argument.starts_with('-')) {
    const std::string name = argument.substr(0, argument.find('='));
    const std::optional<std::string> meant = nearest_option(table, argument);
    if (meant) fail(Fault::usage, "{}: unknown option; did you mean {}?", name, *meant);
    fail(Fault::usage, "{}: unknown option; {}", name, see_help);
  }
  if (table.model->count() == 0 && !argument.empty()) {
    fail(Fault::usage, "{0}: unexpected argument; did you mean --model {0}? {1}", argument,
         "(see gamma-extract --help)");
  }
  fail(Fault::usage, "'{}': unexpected argument; quote a name that has spaces, {}", argument,
       see_help);
}

// CLI11 takes `--out= x` for `--out x`, and `--json=false` for the opposite of `--json`.
void check_assignments(const OptionTable& table, std::span<const std::string> arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return;
    const std::size_t sign = argument.find('=');
    if (!argument.starts_with("--") || sign == std::string::npos) continue;
    const std::string name = argument.substr(0, sign);
    const CLI::Option* option = table.app.get_option_no_throw(name);
    if (option == nullptr) continue;
    if (!takes_value(*option)) {
      fail(Fault::usage, "{}: {} takes no value; {}", argument, name, see_help);
    }
    if (sign + 1 == argument.size()) {
      fail(Fault::usage, "{}: the value is empty; give {}, {}", name, option->get_type_name(),
           see_help);
    }
  }
}

// Values.

/// The value of an option that was given once, or nothing if it was not given.
std::optional<std::string> value_of(const CLI::Option& option) {
  if (option.count() == 0) return std::nullopt;
  const std::string name = option.get_name();
  if (option.count() > 1) {
    fail(Fault::usage, "{}: given {}; give it once, {}", name,
         option.count() == 2 ? "twice" : fmt::format("{} times", option.count()), see_help);
  }
  const std::string& value = option.results().front();
  if (value.empty()) {
    fail(Fault::usage,
         "{0}: the value is missing or empty; give {0} {1} (or {0}={1} where it begins with a "
         "dash), {2}",
         name, option.get_type_name(), see_help);
  }
  return value;
}

/// The index of the option's value among the possible ones, or 0 if it was not given.
std::size_t choice_of(const CLI::Option& option, std::span<const std::string> possible) {
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
       fmt::join(possible, " or "), see_help);
}

OutputDtype dtype_of(const CLI::Option& option) {
  const std::vector<std::string> names{"float32", "source"};
  return choice_of(option, names) == 0 ? OutputDtype::float32 : OutputDtype::source;
}

unsigned threads_of(const CLI::Option& option) {
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

Command command_of(const OptionTable& table) {
  Command command;
  command.json = table.json->count() > 0;
  command.quiet = table.quiet->count() > 0;
  ExtractOptions& extract = command.extract;
  const std::optional<std::string> model = value_of(*table.model);
  if (!model) fail(Fault::usage, "--model: missing; name a checkpoint, {}", see_help);
  extract.model = *model;
  extract.out = value_of(*table.out);
  if (!extract.out && !command.json) {
    fail(Fault::usage, "--out: missing; name a directory, or use --json to write no files, {}",
         see_help);
  }
  extract.tensor = value_of(*table.tensor);
  extract.slug = value_of(*table.name);
  extract.dtype = dtype_of(*table.dtype);
  // Both mean the same as long as there is but one device.
  choice_of(*table.device, std::vector<std::string>{"auto", "cpu"});
  extract.threads = threads_of(*table.threads);
  extract.force = table.force->count() > 0;
  extract.metadata = table.no_metadata->count() == 0;
  extract.allow_nonfinite = table.allow_nonfinite->count() > 0;
  extract.fsync = table.fsync->count() > 0;
  return command;
}

}  // namespace

std::variant<Command, Information> parse(std::span<const std::string> arguments) {
  OptionTable table;
  check_assignments(table, arguments);
  try {
    // CLI11 wants the last one first.
    table.app.parse(std::vector<std::string>(std::make_reverse_iterator(arguments.end()),
                                             std::make_reverse_iterator(arguments.begin())));
  } catch (const CLI::ParseError& error) {
    fail(Fault::usage, "{}; {}", error.what(), see_help);
  }
  if (table.help->count() > 0) return Information{help_text(table)};
  if (table.version->count() > 0) return Information{version_text()};
  for (const std::string& argument : table.app.remaining()) {
    if (argument != "--") fail_unknown(table, argument);
  }
  return command_of(table);
}

}  // namespace gamma_extract::cli
