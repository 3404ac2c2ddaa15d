#include "quantised.h"

#include <array>
#include <utility>

namespace gamma_extract {

std::optional<Quantised> quantised(const Checkpoint& checkpoint, std::string_view weight) {
  // What stands in the place of "weight", and who writes it. A scheme may write several of them.
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> schemes = {{
      {"qweight", "GPTQ or AWQ"},
      {"qzeros", "GPTQ or AWQ"},
      {"weight_scale_inv", "FP8 in blocks"},
      {"weight_scale", "FP8 or another scheme of compressed-tensors"},
      {"weight_packed", "compressed-tensors"},
      {"weight.absmax", "bitsandbytes in 4 bits"},
      {"SCB", "bitsandbytes in 8 bits"},
      {"W_q", "HQQ"},
      {"scales", "MLX, GPTQ or AWQ"},
  }};
  constexpr std::string_view ending = "weight";
  if (!weight.ends_with(ending)) return std::nullopt;
  const std::string module(weight.substr(0, weight.size() - ending.size()));
  for (const auto& [name, scheme] : schemes) {
    const std::string companion = module + std::string(name);
    if (checkpoint.has(companion)) return Quantised{.companion = companion, .scheme = scheme};
  }
  return std::nullopt;
}

}  // namespace gamma_extract
