#ifndef GAMMA_EXTRACT_WIDEN_H_
#define GAMMA_EXTRACT_WIDEN_H_

#include <span>

#include "gamma_extract/safetensors.h"
#include "stored_block.h"
#include "vectors.h"

/// Stored values as float32. A test holds every BF16 and F16 value against libtorch's conversion.
namespace gamma_extract {

/// Writes each value of `block` as float32 to `values`, which has a place for each: exactly from
/// BF16, F16 and F32, rounded once, ties to even, from F64 (beyond float32's range: to infinity).
/// A NaN stays one, whatever its bits. `vectors` is for tests.
void widen(const StoredBlock& block, std::span<float> values, Vectors vectors = widest_vectors());

/// The values of `block` as float32: of F32 where they are, of any other type widened to `room`,
/// which has a place for each.
std::span<const float> as_float32(const StoredBlock& block, std::span<float> room);

/// The significant bits of an element type once it is widened: 8 for BF16, 11 for F16, else 24.
int significant_bits(safetensors::Dtype dtype);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_WIDEN_H_
