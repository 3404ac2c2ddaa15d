#include "gamma_extract/stored_matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gamma_extract/error.h"

namespace gamma_extract {
namespace {

std::string difference(std::uint64_t actual, const char* what, std::uint64_t expected,
                       const char* key) {
  return fmt::format("the matrix has {} {}, {} {} than the config's {} {}", actual, what,
                     actual > expected ? actual - expected : expected - actual,
                     actual > expected ? "more" : "fewer", key, expected);
}

struct Sizes {
  std::optional<std::uint64_t> vocabulary;
  std::optional<std::uint64_t> width;
};

Sizes sizes(const Config& config) {
  const Config& text = config.text ? *config.text : config;
  return {.vocabulary = text.vocab_size ? text.vocab_size : config.vocab_size,
          .width = text.hidden_size ? text.hidden_size : config.hidden_size};
}

}  // namespace

StoredMatrix stored_matrix(const Shard& shard, std::string_view name) {
  const std::string file = shard.source->path().string();
  std::optional<safetensors::Tensor> tensor = shard.header.find(name);
  if (!tensor) {
    fail(Fault::tensor_not_in_shard,
         "{}: it does not hold the tensor {}, though the index says so; the files are of different "
         "checkpoints, download them again",
         file, name);
  }
  const auto& shape = tensor->shape;
  if (shape.size() != 2) {
    fail(Fault::tensor_not_matrix,
         "{}: the tensor {} has the shape [{}], which is no matrix (two dimensions); name another "
         "with --tensor",
         file, name, fmt::join(shape, ", "));
  }
  if (shape[0] == 0 || shape[1] == 0) {
    fail(Fault::matrix_empty,
         "{}: the tensor {} has the shape [{}], and a matrix without values has no centroid; name "
         "another with --tensor",
         file, name, fmt::join(shape, ", "));
  }
  if (std::ranges::find(matrix_dtypes, tensor->dtype) == matrix_dtypes.end()) {
    fail(Fault::tensor_dtype_unsupported,
         "{}: the tensor {} has the dtype {}, not F64, F32, F16 or BF16; give a checkpoint that is "
         "not quantised",
         file, name, safetensors::name(tensor->dtype));
  }
  return {.tensor = std::move(*tensor)};
}

std::vector<std::string> shape_warnings(const std::optional<Config>& config,
                                        const StoredMatrix& matrix) {
  std::vector<std::string> warnings;
  if (!config) return warnings;
  const auto [vocabulary, width] = sizes(*config);
  if (vocabulary && matrix.rows() > *vocabulary) {
    warnings.push_back(fmt::format("{} rows of padding beyond the config's vocab_size {}",
                                   matrix.rows() - *vocabulary, *vocabulary));
  } else if (vocabulary && matrix.rows() < *vocabulary) {
    warnings.push_back(difference(matrix.rows(), "rows", *vocabulary, "vocab_size"));
  }
  if (width && matrix.columns() != *width) {
    warnings.push_back(difference(matrix.columns(), "columns", *width, "hidden_size"));
  }
  return warnings;
}

}  // namespace gamma_extract
