#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "cuda_driver.h"
#include "gamma_extract/error.h"
#include "gamma_extract/text.h"
#include "model_option_table.h"
#include "option_table.h"
#include "options.h"
#include "version.h"

namespace gamma_extract::cli {
namespace {

constexpr std::string_view help_head =
    "Usage: gamma-extract --model MODEL --out DIR [options]\n"
    "       gamma-extract inspect MODEL|FILE [options]\n"
    "       gamma-extract verify DIR [options]\n"
    "\n"
    "Takes the unembedding matrix gamma out of a safetensors checkpoint, without\n"
    "loading the model, computes its centroid mu (the mean row), and writes gamma, mu\n"
    "and gamma - mu as three safetensors files, all of them or none. `inspect` tells\n"
    "which tensor that is, and lists all others; `verify` proves that such files are\n"
    "whole and belong together (gamma-extract inspect --help, verify --help).\n";

constexpr std::string_view help_tail =
    "\n"
    "Examples:\n"
    "  gamma-extract --model examples/qwen3-tiny --out data/tensors\n"
    "      write the three files, and print what they hold\n"
    "  gamma-extract --model ~/models/Qwen3-4B --json | jq .centroid.norm\n"
    "      write nothing, and compute one figure\n"
    "  gamma-extract --model Qwen/Qwen3-4B-Instruct-2507 --out data/tensors\n"
    "      the same, of a model on the Hub: fetch the one tensor and nothing else\n"
    "  gamma-extract --model ~/models/Qwen3-4B --check reference.json\n"
    "      write nothing, and fail if a figure has moved\n"
    "\n"
    "Exit codes: 0 done; 1 a check failed, or the self-check; 2 usage; 3 the input;\n"
    "4 the output; 5 the network; 128 + n ended by signal n.\n";

struct ExtractTable {
  OptionTable table{"gamma-extract"};

  CLI::Option* model = table.value("What to read", "--model", "MODEL",
                                   "the checkpoint: a directory with config.json and\n"
                                   "safetensors files, with --tensor one such file, or\n"
                                   "the id of a model on the Hugging Face Hub");
  ModelOptionTable which{table};
  CLI::Option* no_cache = table.flag("What to read", "--no-cache",
                                     "do not keep what is fetched of the matrix (it is kept\n"
                                     "in GAMMA_EXTRACT_CACHE, else in\n"
                                     "XDG_CACHE_HOME/gamma-extract, else in\n"
                                     "~/.cache/gamma-extract)");
  CLI::Option* tensor = table.value("What to read", "--tensor", "NAME",
                                    "take this tensor, whatever the rules say; no\n"
                                    "config.json is needed then");
  CLI::Option* allow_nonfinite = table.flag("What to read", "--allow-nonfinite",
                                            "accept NaN and infinity in the matrix, and count\n"
                                            "them, instead of refusing it");

  CLI::Option* out = table.value("What to write", "--out", "DIR",
                                 "the directory of the files, created if missing;\n"
                                 "without it, only with --check or --json, nothing is\n"
                                 "written");
  CLI::Option* dtype = table.value("What to write", "--dtype", "DTYPE",
                                   "of the gamma file: float32 (default), or source, the\n"
                                   "stored bytes unchanged");
  CLI::Option* name = table.value("What to write", "--name", "SLUG",
                                  "the label in the file names: a-z, 0-9 and single\n"
                                  "underscores (default: made from MODEL)");
  CLI::Option* force = table.flag("What to write", "-f,--force",
                                  "replace files of another model, or without metadata");
  CLI::Option* no_metadata = table.flag("What to write", "--no-metadata",
                                        "no labels in the files: the same bytes as\n"
                                        "safetensors.torch.save_file writes");
  CLI::Option* fsync = table.flag("What to write", "--fsync",
                                  "have the files on the disk before they get their\n"
                                  "names, against a power cut");

  CLI::Option* device = table.value("How to run", "--device", "DEVICE",
                                    "where the second pass computes: auto (default), which\n"
                                    "is cpu, or cpu, cuda or cuda:N; the files are the same");
  CLI::Option* threads = table.value("How to run", "--threads", "N",
                                     "1 to 1024 (default: as many as there are cores that\n"
                                     "the process may use); the files are the same");

  CLI::Option* check = table.value("What to print", "--check", "REF",
                                   "compare with a reference, a JSON file: an earlier\n"
                                   "report, a part of one, or figures written by hand;\n"
                                   "01.1a is built in: what the notebook 01.1a prints");
  CLI::Option* json =
      table.flag("What to print", "--json", "the report as one JSON object on standard output");
  CLI::Option* quiet = table.flag("What to print", "-q,--quiet",
                                  "neither report nor progress; with --json the JSON\n"
                                  "stays; warnings stay");
  CLI::Option* help = table.flag("What to print", "-h,--help", "this text");
  CLI::Option* version = table.flag("What to print", "-V,--version",
                                    "the versions of the program and of its libtorch, and\n"
                                    "the devices");
};

std::string version_text() {
  std::vector<std::string> devices{name(Device())};
  const unsigned count = libtorch_has_cuda ? count_cuda_devices() : 0;
  for (unsigned i = 0; i < count; ++i) {
    devices.push_back(name(Device{.kind = Device::Kind::cuda, .index = i}));
  }
  return fmt::format("gamma-extract {} (libtorch {}; devices: {})\n", gamma_extract::version,
                     libtorch_version, fmt::join(devices, ", "));
}

[[noreturn]] void fail_unexpected(const ExtractTable& options, const std::string& operand) {
  if (is_command(operand)) {
    fail(Fault::usage, "{0}: a command stands first; give gamma-extract {0} ..., {1}", operand,
         options.table.see_help());
  }
  const std::optional<std::string> option = options.table.option_like(operand);
  // `models` may be a directory's name, and `model` the end of one.
  const bool is_model_name = operand != "model" || is_given(*options.model);
  if (option && (*option != "model" || !is_model_name)) {
    fail(Fault::usage, "{}: unexpected argument; did you mean --{}? ({})", operand, *option,
         options.table.see_help());
  }
  if (!is_given(*options.model) && !operand.empty()) {
    fail(Fault::usage, "{0}: unexpected argument; did you mean --model {0}? ({1})", operand,
         options.table.see_help());
  }
  fail(Fault::usage, "'{}': unexpected argument; quote a name that has spaces, {}", operand,
       options.table.see_help());
}

OutputDtype dtype_of(const ExtractTable& options) {
  const std::vector<std::string> names{"float32", "source"};
  return options.table.choice_of(*options.dtype, names) == 0 ? OutputDtype::float32
                                                             : OutputDtype::source;
}

/// cuda, cuda:0, cuda:1 and so on, as torch names them.
std::optional<Device> cuda_device(const std::string& text) {
  constexpr std::string_view cuda = "cuda";
  if (text == cuda) return Device{.kind = Device::Kind::cuda};
  if (!text.starts_with("cuda:")) return std::nullopt;
  const std::string digits = text.substr(cuda.size() + 1);
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  Device device{.kind = Device::Kind::cuda};
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, device.index);
  if (error != std::errc() || rest != end) return std::nullopt;
  return device;
}

Device device_of(const ExtractTable& options) {
  const std::optional<std::string> text = options.table.value_of(*options.device);
  // auto: CUDA has been measured nowhere, so that no matrix is known for which it is faster.
  if (!text || *text == "auto" || *text == "cpu") return {};
  const std::optional<Device> device = cuda_device(*text);
  if (device) return *device;
  const std::string small = lower_case(*text);
  if (small == "auto" || small == "cpu" || cuda_device(small)) {
    fail(Fault::usage, "--device {}: unknown value; did you mean {}?", *text, small);
  }
  fail(Fault::usage,
       "--device {}: not the name of a device; give auto, cpu, cuda, or cuda:N with a number from "
       "0, {}",
       *text, options.table.see_help());
}

ExtractCommand command_of(const ExtractTable& options) {
  const OptionTable& table = options.table;
  ExtractCommand command;
  command.json = is_given(*options.json);
  command.quiet = is_given(*options.quiet);
  ExtractOptions& extract = command.extract;
  const std::optional<std::string> model = table.value_of(*options.model);
  if (!model) fail(Fault::usage, "--model: missing; name a checkpoint, {}", table.see_help());
  extract.model = options.which.options(table, *model);
  extract.out = table.value_of(*options.out);
  extract.model.keep = !is_given(*options.no_cache);
  extract.model.scratch = extract.out;
  extract.check = table.value_of(*options.check);
  if (!extract.out && !extract.check && !command.json) {
    fail(Fault::usage,
         "--out: missing; name a directory, or use --check or --json to write no files, {}",
         table.see_help());
  }
  extract.tensor = table.value_of(*options.tensor);
  extract.slug = table.value_of(*options.name);
  extract.dtype = dtype_of(options);
  extract.device = device_of(options);
  extract.threads = table.threads_of(*options.threads);
  extract.force = is_given(*options.force);
  extract.metadata = !is_given(*options.no_metadata);
  extract.allow_nonfinite = is_given(*options.allow_nonfinite);
  extract.fsync = is_given(*options.fsync);
  return command;
}

}  // namespace

Request parse_extract(std::span<const std::string> arguments) {
  ExtractTable options;
  options.table.parse(arguments);
  if (is_given(*options.help)) {
    return Information{std::string(help_head) + options.table.help() + std::string(help_tail)};
  }
  if (is_given(*options.version)) return Information{version_text()};
  options.table.require_known();
  for (const std::string& operand : options.table.operands()) fail_unexpected(options, operand);
  return command_of(options);
}

}  // namespace gamma_extract::cli
