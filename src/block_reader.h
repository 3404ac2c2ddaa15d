#ifndef GAMMA_EXTRACT_BLOCK_READER_H_
#define GAMMA_EXTRACT_BLOCK_READER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "block_layout.h"
#include "gamma_extract/source.h"
#include "gamma_extract/unembedding.h"
#include "stored_block.h"

/// What both passes do with a block before its arithmetic.
namespace gamma_extract {

/// A matrix in a file. Neither is null; both belong to the caller.
struct MatrixSource {
  const Source* shard;
  const StoredMatrix* matrix;
};

/// Reads blocks of a matrix into a buffer of its own. For one thread.
class BlockReader {
 public:
  BlockReader(const MatrixSource& source, const BlockLayout& layout);

  /// The block's stored bytes, valid until the next call.
  std::span<const std::byte> read(const BlockPlace& place);

  /// The same, with its type and shape.
  StoredBlock block(const BlockPlace& place) {
    return {.bytes = read(place), .dtype = dtype_, .rows = place.rows, .columns = place.columns};
  }

 private:
  const Source& shard_;
  std::uint64_t offset_;
  safetensors::Dtype dtype_;
  std::uint64_t value_bytes_;
  std::vector<std::byte> buffer_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_BLOCK_READER_H_
