#include "widen.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gamma_extract {
namespace {

GAMMA_EXTRACT_LOOP void widen_bf16(const std::uint16_t* stored, std::size_t count, float* values) {
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = std::bit_cast<float>(std::uint32_t{stored[i]} << 16U);
  }
}

// The bits of the magnitude, moved to float32's place, are the value times 2^-112, subnormals
// included; an exponent of all ones, infinity or NaN, has to stay one.
GAMMA_EXTRACT_LOOP void widen_f16(const std::uint16_t* stored, std::size_t count, float* values) {
  constexpr float scale = 0x1p112F;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t half = stored[i];
    const float scaled = std::bit_cast<float>((half & 0x7fffU) << 13U) * scale;
    const std::uint32_t endless = (half & 0x7c00U) == 0x7c00U ? 0x7f800000U : 0U;
    const std::uint32_t sign = (half & 0x8000U) << 16U;
    values[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(scaled) | endless | sign);
  }
}

GAMMA_EXTRACT_LOOP void widen_f64(const double* stored, std::size_t count, float* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(stored[i]);
}

template <class Stored>
const Stored* stored_as(const StoredBlock& block) {
  return reinterpret_cast<const Stored*>(block.bytes.data());
}

}  // namespace

void widen(const StoredBlock& block, std::span<float> values, Vectors vectors) {
  const std::size_t count = values.size();
  switch (block.dtype) {
    case safetensors::Dtype::BF16:
      VectorLoop<widen_bf16>::run(vectors, stored_as<std::uint16_t>(block), count, values.data());
      break;
    case safetensors::Dtype::F16:
      VectorLoop<widen_f16>::run(vectors, stored_as<std::uint16_t>(block), count, values.data());
      break;
    case safetensors::Dtype::F64:
      VectorLoop<widen_f64>::run(vectors, stored_as<double>(block), count, values.data());
      break;
    default:
      std::memcpy(values.data(), block.bytes.data(), values.size_bytes());
      break;
  }
}

std::span<const float> as_float32(const StoredBlock& block, std::span<float> room) {
  if (block.dtype == safetensors::Dtype::F32) return {stored_as<float>(block), room.size()};
  widen(block, room);
  return room;
}

int significant_bits(safetensors::Dtype dtype) {
  switch (dtype) {
    case safetensors::Dtype::BF16:
      return 8;
    case safetensors::Dtype::F16:
      return 11;
    default:
      return 24;
  }
}

}  // namespace gamma_extract
