#include "block_reader.h"

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

}  // namespace gamma_extract
