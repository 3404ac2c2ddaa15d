#ifndef GAMMA_EXTRACT_STORED_BLOCK_H_
#define GAMMA_EXTRACT_STORED_BLOCK_H_

#include <bit>
#include <cstddef>
#include <span>

#include "gamma_extract/safetensors.h"

namespace gamma_extract {

// Files are little-endian, and their bytes are taken as values where they are.
static_assert(std::endian::native == std::endian::little);

/// A block of a matrix as it is stored: `rows` x `columns`, row-major, little-endian.
struct StoredBlock {
  std::span<const std::byte> bytes;                    ///< aligned for the element type
  safetensors::Dtype dtype = safetensors::Dtype::F32;  ///< F64, F32, F16 or BF16
  std::size_t rows = 0;
  std::size_t columns = 0;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_STORED_BLOCK_H_
