#ifndef GAMMA_EXTRACT_QUANTISED_H_
#define GAMMA_EXTRACT_QUANTISED_H_

#include <optional>
#include <string>
#include <string_view>

#include "gamma_extract/checkpoint.h"

/// Quantised matrices, known by the tensors that a scheme keeps beside them, or in their place.
/// Their values are not in the weight alone, so that the weight must not be taken for the matrix.
namespace gamma_extract {

struct Quantised {
  std::string companion;    ///< the tensor that tells: "lm_head.qweight"
  std::string_view scheme;  ///< "GPTQ or AWQ"
};

/// How the matrix `weight` ("lm_head.weight") is quantised, or nothing.
std::optional<Quantised> quantised(const Checkpoint& checkpoint, std::string_view weight);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_QUANTISED_H_
