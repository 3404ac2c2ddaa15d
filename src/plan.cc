#include "plan.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "gamma_extract/error.h"
#include "open_checkpoint.h"
#include "previous_files.h"
#include "version.h"

namespace gamma_extract {
namespace {

std::string describe(const safetensors::Tensor& tensor) {
  return fmt::format("{} is {} [{}]", tensor.name, safetensors::name(tensor.dtype),
                     fmt::join(tensor.shape, ", "));
}

}  // namespace

Plan::Plan(const ExtractOptions& options, const Observer& observer)
    : options_(options),
      location_(locate_model(options.model, observer)),
      checkpoint_(options.tensor ? open_checkpoint(location_) : open_unnamed(location_)),
      choice_(choose_unembedding(checkpoint_, options.tensor)),
      name_(model_name(location_.path, options.slug)),
      shard_(checkpoint_.open_shard(choice_.tensor)),
      matrix_(stored_matrix(*shard_, choice_.tensor)),
      layout_(matrix_.rows(), matrix_.columns()),
      file_names_{file_name(gamma_file, name_.slug), file_name(centroid_file, name_.slug),
                  file_name(centered_file, name_.slug)} {
  for (const std::string& warning : shape_warnings(checkpoint_.config(), matrix_)) {
    observer.warn(warning);
  }
  if (choice_.compare_with) open_compared(*choice_.compare_with, observer);
  if (options.out) require_writable(*options.out);
}

std::optional<MatrixSource> Plan::compared() const noexcept {
  if (!compared_matrix_) return std::nullopt;
  return MatrixSource{.shard = compared_shard_->source.get(), .matrix = &*compared_matrix_};
}

void Plan::prepare() const {
  shard_->source->prepare(matrix_.tensor.offset, matrix_.tensor.bytes);
  if (!compared_matrix_) return;
  compared_shard_->source->prepare(compared_matrix_->tensor.offset, compared_matrix_->tensor.bytes);
}

safetensors::Dtype Plan::dtype(File file) const noexcept {
  const bool stored = file == gamma_file && options_.dtype == OutputDtype::source;
  return stored ? matrix_.tensor.dtype : safetensors::Dtype::F32;
}

std::uint64_t Plan::data_bytes(File file) const noexcept {
  const std::uint64_t values = matrix_.columns() * (file == centroid_file ? 1 : matrix_.rows());
  return values * safetensors::bits(dtype(file)) / 8;
}

Labels Plan::labels(const std::string& mu_sha256) const {
  return {.model = name_.model,
          .revision = name_.revision,
          .tensor = choice_.tensor,
          .source_dtype = std::string(safetensors::name(matrix_.tensor.dtype)),
          .mu_sha256 = mu_sha256,
          .version = version};
}

std::string Plan::header(File file, const std::string& mu_sha256,
                         const std::string& data_xxh3) const {
  const std::vector<std::uint64_t> shape =
      file == centroid_file ? std::vector{matrix_.columns()} : matrix_.tensor.shape;
  safetensors::Metadata labelled;
  if (options_.metadata) labelled = metadata(file, labels(mu_sha256), data_xxh3);
  return safetensors::make_header(key(file), dtype(file), shape, labelled);
}

std::vector<PlannedFile> Plan::planned_files() const {
  // Stand-ins for the hashes: of the same length, and so are the headers.
  const std::string sha256(64, '0');
  const std::string xxh3(32, '0');
  std::vector<PlannedFile> files;
  files.reserve(all_files.size());
  for (const File file : all_files) {
    files.push_back({.name = file_names_.at(file),
                     .bytes = header(file, sha256, xxh3).size() + data_bytes(file)});
  }
  return files;
}

void Plan::require_replaceable(const std::optional<std::string>& mu_sha256) const {
  if (options_.force || !options_.out) return;
  gamma_extract::require_replaceable(*options_.out, file_names_, name_, mu_sha256);
}

void Plan::require_unchanged() const {
  shard_->source->require_unchanged();
  if (compared_shard_) compared_shard_->source->require_unchanged();
}

/// Head and embedding are both there though the config ties them: opens the embedding, to be
/// compared. What is in the way of that is told; the head is taken all the same.
void Plan::open_compared(const std::string& embedding, const Observer& observer) {
  std::string obstacle;
  try {
    compared_shard_ = checkpoint_.open_shard(embedding);
    compared_matrix_ = stored_matrix(*compared_shard_, embedding);
    const auto& left = matrix_.tensor;
    const auto& right = compared_matrix_->tensor;
    if (left.shape == right.shape && left.dtype == right.dtype) return;
    obstacle = fmt::format("{} and {}", describe(left), describe(right));
  } catch (const Error& error) {
    obstacle = error.what();
  }
  compared_matrix_.reset();
  compared_shard_.reset();
  observer.warn(
      fmt::format("the config ties {} to {}, but the two cannot be compared ({}); {} is taken",
                  choice_.tensor, embedding, obstacle, choice_.tensor));
}

/// Everything that can be refused before the arithmetic.
void Plan::require_writable(const std::filesystem::path& directory) const {
  for (const std::filesystem::path& input : checkpoint_.inputs()) {
    for (const std::string& name : file_names_) {
      const std::filesystem::path path = directory / name;
      if (!is_same_file(path, input)) continue;
      fail(Fault::output_is_input,
           "{}: it is a file of the model itself; choose another --out or --name", path.string());
    }
  }
  // First what --force does not help against, so that nobody is told to try it.
  require_room(directory, planned_files());
  require_replaceable(std::nullopt);
}

}  // namespace gamma_extract
