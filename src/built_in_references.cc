#include "built_in_references.h"

namespace gamma_extract {
namespace {

// What the notebook 01.1a of github.com/Embedding-Space/Azimuth_II prints for
// Qwen/Qwen3-4B-Instruct-2507, to the digits that it prints.
constexpr std::string_view notebook_01_1a = R"({
  "vocab_size": 151936,
  "hidden_size": 2560,
  "centroid": {"norm": 0.3048, "mean": -0.000026, "std": 0.006025},
  "centered": {"mean_norm": 1.0401, "std_norm": 0.1889, "residual_norm": 3.95e-08}
})";

}  // namespace

std::optional<std::string_view> built_in_reference(std::string_view name) {
  if (name == "01.1a") return notebook_01_1a;
  return std::nullopt;
}

}  // namespace gamma_extract
