#ifndef GAMMA_EXTRACT_OUTPUT_BIAS_H_
#define GAMMA_EXTRACT_OUTPUT_BIAS_H_

#include <string_view>
#include <vector>

#include "gamma_extract/checkpoint.h"
#include "gamma_extract/output_scaling.h"

/// What is added to the logits.
namespace gamma_extract {

/// Appends "bias" with its tensor's name, if the checkpoint has one beside a head of these names
/// (`lm_head.bias`), where bert and its like keep it (`cls.predictions.bias`), or bart and its like
/// (`final_logits_bias`). reformer stores a bias that it does not apply.
void add_output_bias(const Checkpoint& checkpoint, std::string_view model_type,
                     const std::vector<std::string_view>& heads, OutputScaling& scaling);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_OUTPUT_BIAS_H_
