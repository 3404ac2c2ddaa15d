#include "cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <variant>

#include "gamma_extract/error.h"
#include "gamma_extract/text.h"
#include "inspect_report.h"
#include "options.h"
#include "progress_bar.h"
#include "report.h"
#include "signals.h"
#include "standard_streams.h"
#include "verify_report.h"

namespace gamma_extract::cli {
namespace {

std::string message(std::string_view kind, std::string_view text) {
  return fmt::format("gamma-extract: {}: {}\n", kind, printable(text));
}

int print_error(Fault fault, std::string_view text) {
  write_standard_error(message("error", text));
  return exit_code(fault);
}

/// The width of the terminal that standard output is, if it is one.
std::optional<std::size_t> output_columns() {
  if (::isatty(STDOUT_FILENO) == 0) return std::nullopt;
  return terminal_columns(STDOUT_FILENO);
}

/// Does `work`, with a bar where there is a terminal and nobody asked for quiet. When this returns,
/// or throws, the bar is gone.
template <class Work>
auto watch(const Work& work, bool quiet, const StopFlag& stop) {
  Progress progress;  // NOLINT(misc-const-correctness): the observer may be written through
  std::optional<ProgressBar> bar;
  if (!quiet && can_draw_progress()) bar.emplace(progress);
  const auto warn = [&bar](const std::string& warning) {
    const std::string line = message("warning", warning);
    if (bar) {
      bar->print_above(line);
    } else {
      write_standard_error(line);
    }
  };
  return work(Observer{.stop = stop, .progress = progress, .warn = warn});
}

/// Returns the exit code of the check, if there was one.
int print_differences(const Report& report) {
  int code = 0;
  for (const std::string& difference : differences(report)) {
    code = print_error(Fault::check_failed, difference);
  }
  return code;
}

/// What a request leads to: prints, and returns the exit code.
class Performance {
 public:
  Performance(const Job& job, const Signals& signals) : job_(job), signals_(signals) {}

  int operator()(const ExtractCommand& command) const {
    const auto work = [&](const Observer& observer) { return job_(command.extract, observer); };
    const Report report = watch(work, command.quiet, signals_.stop);
    // Before the report: standard output may fail.
    const int code = print_differences(report);
    const std::string_view consequence = command.extract.out
                                             ? "the files are written all the same"
                                             : "send the report to where there is room";
    if (command.json) {
      write_standard_output(json_report(report), signals_, consequence);
    } else if (!command.quiet) {
      write_standard_output(human_report(report), signals_, consequence);
    }
    return code;
  }

  int operator()(const InspectCommand& command) const {
    const auto work = [&](const Observer& observer) { return inspect(command.inspect, observer); };
    const Inspection inspection = watch(work, false, signals_.stop);
    write_standard_output(
        command.json ? json_report(inspection) : human_report(inspection, output_columns()),
        signals_, "send the list to where there is room");
    if (!inspection.problem) return 0;
    return print_error(inspection.problem->fault(), inspection.problem->what());
  }

  int operator()(const VerifyCommand& command) const {
    const auto work = [&](const Observer& observer) { return verify(command.verify, observer); };
    const Verification verification = watch(work, command.quiet, signals_.stop);
    if (command.json || !command.quiet) {
      write_standard_output(command.json ? json_report(verification) : human_report(verification),
                            signals_, "send the report to where there is room");
    }
    for (const Verification::Set& set : verification.sets) {
      for (const Verification::Check& check : set.checks) {
        if (check.passed) continue;
        print_error(Fault::verification_failed, fmt::format("{}: {}: {}: {}; extract the set again",
                                                            command.verify.directory.string(),
                                                            set.slug, check.name, check.detail));
      }
    }
    return verification.passed() ? 0 : exit_code(Fault::verification_failed);
  }

  int operator()(const Information& information) const {
    write_standard_output(information.text, signals_, "send the text to where there is room");
    return 0;
  }

 private:
  const Job& job_;
  const Signals& signals_;
};

/// Does what the arguments say; what goes wrong becomes a line and an exit code.
int run_with(std::span<const std::string> arguments, const Job& job, const Signals& signals) try {
  return std::visit(Performance(job, signals), parse(arguments));
} catch (const Error& error) {
  return print_error(error.fault(), error.what());
} catch (const std::system_error& error) {
  // What std::thread throws where a limit is reached; any other is unforeseen.
  if (error.code() != std::errc::resource_unavailable_try_again) throw;
  return print_error(Fault::out_of_memory,
                     "not enough threads: the system gives no more; give fewer --threads, or raise "
                     "the limit (ulimit -u)");
} catch (const std::bad_alloc&) {
  return print_error(Fault::out_of_memory,
                     "not enough memory: an allocation failed; free some, or give fewer --threads");
}

}  // namespace

int run(std::span<const std::string> arguments, const Job& job) {
  occupy_standard_descriptors();
  const Signals signals = install_signal_handlers();
  try {
    return run_with(arguments, job, signals);
  } catch (const Stopped& stopped) {
    die_by(stopped.signal());
  } catch (const std::exception& error) {
    // What nothing above has foreseen: no room of the house throws it by intent.
    return print_error(Fault::out_of_memory,
                       fmt::format("internal error: {}; please report it", error.what()));
  }
}

}  // namespace gamma_extract::cli
