#include "block_reader.h"

#include "gamma_extract/error.h"

namespace gamma_extract {

BlockReader::BlockReader(const MatrixSource& source, const BlockLayout& layout)
    : shard_(*source.shard),
      offset_(source.matrix->tensor.offset),
      dtype_(source.matrix->tensor.dtype),
      value_bytes_(safetensors::bits(dtype_) / 8),
      buffer_(layout.block_values() * value_bytes_) {}

std::span<const std::byte> BlockReader::read(const BlockPlace& place) {
  const std::span<std::byte> bytes(buffer_.data(), place.values() * value_bytes_);
  shard_.read_at(offset_ + place.first_value * value_bytes_, bytes);
  return bytes;
}

std::unique_ptr<matrix::Arithmetic> make_arithmetic(const matrix::Module& module) {
  auto arithmetic = module.make_arithmetic();
  if (!arithmetic) {
    fail(Fault::out_of_memory, "not enough memory to start the arithmetic; use fewer --threads");
  }
  return arithmetic;
}

void require_ok(matrix::Status status, const matrix::Arithmetic& arithmetic) {
  if (status == matrix::Status::ok) return;
  if (status == matrix::Status::out_of_memory) {
    fail(Fault::out_of_memory, "not enough memory for a block of rows; use fewer --threads");
  }
  fail(Fault::libtorch_unavailable, "libtorch: {}; reinstall gamma-extract and its libtorch",
       arithmetic.message());
}

}  // namespace gamma_extract
