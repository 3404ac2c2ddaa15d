#ifndef GAMMA_EXTRACT_OUTPUT_SCALING_H_
#define GAMMA_EXTRACT_OUTPUT_SCALING_H_

#include <string>
#include <utility>
#include <variant>
#include <vector>

/// What a model does to its logits outside the unembedding matrix: a factor, a cap, a bias.
///
/// It is recorded, never folded into the matrix: what it means for an analysis is for a person to
/// say, and a cap is no linear map at all.
namespace gamma_extract {

/// Names as the config has them ("logit_scale"), "d_model^-0.5" of t5, and "bias" with the name of
/// the bias's tensor. In the order in which they stand in the report; empty where there is nothing.
using OutputScaling = std::vector<std::pair<std::string, std::variant<double, std::string>>>;

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_OUTPUT_SCALING_H_
