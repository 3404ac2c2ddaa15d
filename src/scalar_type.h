#ifndef GAMMA_EXTRACT_SCALAR_TYPE_H_
#define GAMMA_EXTRACT_SCALAR_TYPE_H_

#include <c10/core/ScalarType.h>

#include "gamma_extract/safetensors.h"

namespace gamma_extract::matrix {

/// What libtorch calls the element type of a matrix.
inline c10::ScalarType scalar_type(safetensors::Dtype dtype) {
  switch (dtype) {
    case safetensors::Dtype::F64:
      return c10::ScalarType::Double;
    case safetensors::Dtype::F16:
      return c10::ScalarType::Half;
    case safetensors::Dtype::BF16:
      return c10::ScalarType::BFloat16;
    default:
      return c10::ScalarType::Float;
  }
}

}  // namespace gamma_extract::matrix

#endif  // GAMMA_EXTRACT_SCALAR_TYPE_H_
