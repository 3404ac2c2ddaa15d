#include "output_bias.h"

#include <string>

namespace gamma_extract {

void add_output_bias(const Checkpoint& checkpoint, std::string_view model_type,
                     const std::vector<std::string_view>& heads, OutputScaling& scaling) {
  if (model_type == "reformer") return;
  std::vector<std::string> names;
  for (const std::string_view head : heads) {
    const std::string module(head.substr(0, head.rfind('.')));
    names.push_back(module + ".bias");
    // bert: the bias of `cls.predictions.decoder` is that of `cls.predictions`.
    constexpr std::string_view decoder = ".decoder";
    if (module.ends_with(decoder)) {
      names.push_back(module.substr(0, module.size() - decoder.size()) + ".bias");
    }
  }
  names.emplace_back("final_logits_bias");
  for (const std::string& name : names) {
    if (!checkpoint.has(name)) continue;
    scaling.emplace_back("bias", name);
    return;
  }
}

}  // namespace gamma_extract
