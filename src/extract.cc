#include "gamma_extract/extract.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <span>

#include "first_pass.h"
#include "gamma_extract/check.h"
#include "gamma_extract/error.h"
#include "gamma_extract/hash.h"
#include "gamma_extract/output_set.h"
#include "gamma_extract/safetensors.h"
#include "matrix_faults.h"
#include "matrix_module.h"
#include "plan.h"
#include "second_pass.h"
#include "warnings.h"
#include "workers.h"

namespace gamma_extract {
namespace {

double squared_norm(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return sum;
}

/// mean |gamma|^2 = |mu|^2 + mean |gamma'|^2, within what rounding to float32 may miss.
/// The last term is for subnormals: 2^-149 each, squared, with room for D of them.
void check_self(const Plan& plan, const FirstPass& first, const SecondPass& second) {
  const double gamma = mean(second.gamma_squares);
  const double centered = mean(second.centered_squares);
  const double mu = squared_norm(first.mu);
  const double tolerance =
      1e-6 * gamma + std::ldexp(static_cast<double>(plan.matrix().columns()), -278);
  if (std::abs(gamma - mu - centered) <= tolerance) return;
  fail(Fault::self_check_failed,
       "{}: the run's own check failed: mean |gamma|^2 is {}, but |mu|^2 + mean |gamma'|^2 is {}; "
       "nothing was written; please report this, and check this machine's memory",
       plan.name().model, gamma, mu + centered);
}

std::vector<double>& square_roots(std::vector<double>& squares) {
  for (double& value : squares) value = std::sqrt(value);
  return squares;
}

std::optional<Reference> reference_of(const ExtractOptions& options, const Observer& observer) {
  if (!options.check) return std::nullopt;
  return load_reference(*options.check, observer.stop);
}

/// Both passes and all that is written.
class Run {
 public:
  Run(const ExtractOptions& options, const Observer& observer)
      : started_(std::chrono::steady_clock::now()),
        options_(options),
        warnings_(observer),
        observer_(warnings_.observer()),
        reference_(reference_of(options, observer)),
        plan_(options, observer_),
        threads_(usable_threads(options.threads)) {
    if (reference_) require_comparable(*reference_, safetensors::name(plan_.dtype(gamma_file)));
    observer.progress.total = plan_.matrix().tensor.bytes + plan_.data_bytes(gamma_file) +
                              plan_.data_bytes(centered_file);
  }

  Report finish() {
    // Before work is under way: a long reading should not end with a device that is not there.
    if (options_.device != Device()) open_device();
    plan_.prepare();

    FirstPassOptions pass_options;
    pass_options.threads = plan_.layout().threads(threads_);
    pass_options.allow_nonfinite = options_.allow_nonfinite;
    pass_options.compare_with = plan_.compared();
    first_ = first_pass(plan_.source(), plan_.layout(), pass_options, observer_);
    warn_of_findings();

    const auto mu_bytes = std::as_bytes(std::span(first_.mu));
    mu_sha256_ = sha256_hex(mu_bytes);
    mu_xxh3_ = xxh3_hex(mu_bytes);

    if (options_.out) open_output(*options_.out);
    measure();
    if (first_.nonfinite == 0) check_self(plan_, first_, second_);
    plan_.require_unchanged();
    if (output_) {
      write_headers();
      output_->commit([this] { plan_.require_replaceable(mu_sha256_); });
    }
    return report();
  }

 private:
  void open_device() {
    module_ = &load_matrix_module();
    require_device(*module_, options_.device);
  }

  void warn_of_findings() {
    const std::string& tensor = plan_.choice().tensor;
    const auto compared = plan_.compared();
    if (compared && first_.first_different_row) {
      observer_.warn(
          fmt::format("the config ties {} to {}, but they differ, first in row {}; {} is taken",
                      tensor, compared->matrix->tensor.name, *first_.first_different_row, tensor));
    }
    if (first_.nonfinite != 0) {
      observer_.warn(fmt::format("{}: {} {} NaN or infinite; figures that they touch are left out",
                                 tensor, first_.nonfinite,
                                 first_.nonfinite == 1 ? "value is" : "values are"));
    }
  }

  void open_output(const std::filesystem::path& directory) {
    plan_.require_replaceable(mu_sha256_);
    files_ = plan_.planned_files();
    output_ = std::make_unique<OutputSet>(
        directory, files_, OutputOptions{.fsync = options_.fsync}, observer_.stop,
        [this](const std::string& text) { observer_.warn(text); });
  }

  Sink sink(File file) {
    if (!output_) return {};
    const std::uint64_t data = files_[file].bytes - plan_.data_bytes(file);
    return [this, file, data](std::uint64_t offset, std::span<const std::byte> bytes) {
      output_->write_at(file, data + offset, bytes);
    };
  }

  void measure() {
    SecondPassOptions pass_options;
    pass_options.dtype = options_.dtype;
    pass_options.threads = plan_.layout().threads(threads_);
    pass_options.device = options_.device;
    pass_options.module = module_;
    pass_options.gamma = sink(gamma_file);
    pass_options.centered = sink(centered_file);
    second_ = second_pass(plan_.source(), plan_.layout(), first_, pass_options, observer_);
    if (const Sink centroid = sink(centroid_file)) centroid(0, std::as_bytes(std::span(first_.mu)));
  }

  void write_headers() {
    const std::array<std::string, all_files.size()> hashes{second_.gamma_xxh3, mu_xxh3_,
                                                           second_.centered_xxh3};
    for (const File file : all_files) {
      const std::string header = plan_.header(file, mu_sha256_, hashes.at(file));
      output_->write_at(file, 0, std::as_bytes(std::span(header)));
    }
  }

  [[nodiscard]] std::optional<std::string> path(File file) const {
    if (!output_) return std::nullopt;
    return output_->path(file).string();
  }

  Report report() {
    Report report;
    report.model = plan_.name().model;
    report.revision = plan_.name().revision;
    report.tensor = plan_.choice().tensor;
    report.tied = plan_.choice().tied;
    report.reason = plan_.choice().reason;
    report.shard = plan_.choice().shard;
    report.output_scaling = plan_.choice().output_scaling;
    report.source_dtype = safetensors::name(plan_.matrix().tensor.dtype);
    report.vocab_size = plan_.matrix().rows();
    report.hidden_size = plan_.matrix().columns();
    report.nonfinite = first_.nonfinite;
    report.device = gamma_extract::name(options_.device);
    report.threads = threads_;
    report.gamma = {.path = path(gamma_file),
                    .dtype = std::string(safetensors::name(plan_.dtype(gamma_file))),
                    .bytes = plan_.data_bytes(gamma_file),
                    .data_xxh3 = second_.gamma_xxh3,
                    .norms = summarize_norms(square_roots(second_.gamma_squares))};
    report.centroid = {.path = path(centroid_file),
                       .sha256 = mu_sha256_,
                       .data_xxh3 = mu_xxh3_,
                       .summary = summarize_centroid(first_.mu)};
    report.centered = {.path = path(centered_file),
                       .dtype = "F32",
                       .bytes = plan_.data_bytes(centered_file),
                       .data_xxh3 = second_.centered_xxh3,
                       .norms = summarize_norms(square_roots(second_.centered_squares))};
    report.residual_norm = second_.residual_norm;
    if (reference_) report.check = compare(*reference_, report);
    report.warnings = warnings_.texts();
    report.bytes_read = bytes_read();
    for (const PlannedFile& file : files_) report.bytes_written += file.bytes;
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    return report;
  }

  /// The header, and the matrix once in each pass.
  [[nodiscard]] std::uint64_t bytes_read() const {
    const std::uint64_t readings = plan_.compared() ? 3 : 2;
    return plan_.matrix().tensor.offset + readings * plan_.matrix().tensor.bytes;
  }

  std::chrono::steady_clock::time_point started_;
  const ExtractOptions& options_;
  Warnings warnings_;
  const Observer& observer_;
  std::optional<Reference> reference_;
  Plan plan_;
  unsigned threads_;
  const matrix::Module* module_ = nullptr;
  FirstPass first_;
  SecondPass second_;
  std::string mu_sha256_;
  std::string mu_xxh3_;
  std::vector<PlannedFile> files_;
  std::unique_ptr<OutputSet> output_;
};

}  // namespace

Report extract(const ExtractOptions& options, const Observer& observer) {
  return Run(options, observer).finish();
}

}  // namespace gamma_extract
