#ifndef GAMMA_EXTRACT_STORED_MATRIX_H_
#define GAMMA_EXTRACT_STORED_MATRIX_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gamma_extract/checkpoint.h"
#include "gamma_extract/config.h"
#include "gamma_extract/safetensors.h"

/// Whether a tensor, however it was chosen, is a matrix that can be taken, and what a person should
/// know about its shape.
namespace gamma_extract {

/// The element types of which float32 values can be made.
inline constexpr std::array matrix_dtypes{safetensors::Dtype::F64, safetensors::Dtype::F32,
                                          safetensors::Dtype::F16, safetensors::Dtype::BF16};

/// The unembedding matrix as it lies in its shard.
struct StoredMatrix {
  safetensors::Tensor tensor;  ///< two-dimensional, not empty, F64, F32, F16 or BF16
  [[nodiscard]] std::uint64_t rows() const { return tensor.shape[0]; }
  [[nodiscard]] std::uint64_t columns() const { return tensor.shape[1]; }
};

/// Finds the tensor `name` in its shard and checks that it is a matrix that can be taken.
/// Throws tensor_not_in_shard, tensor_not_matrix, matrix_empty, tensor_dtype_unsupported.
StoredMatrix stored_matrix(const Shard& shard, std::string_view name);

/// What a person should know about the matrix beside the config, a line each: rows beyond
/// `vocab_size` (padding) or missing from it, another width than `hidden_size`. Of a config that
/// wraps a text model's, what the inner one says counts.
std::vector<std::string> shape_warnings(const std::optional<Config>& config,
                                        const StoredMatrix& matrix);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_STORED_MATRIX_H_
