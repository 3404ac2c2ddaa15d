#include "gamma_extract/device.h"

namespace gamma_extract {

std::string name(const Device& device) {
  return device.kind == Device::Kind::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

}  // namespace gamma_extract
