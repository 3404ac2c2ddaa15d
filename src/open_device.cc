#include "open_device.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>  // IWYU pragma: keep (clang needs it, with 1.13)
#include <ATen/ops/full.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include "guarded.h"

namespace gamma_extract::matrix {
namespace {

DeviceAnswer answer(DeviceState state, std::string_view words = {}, unsigned count = 0) noexcept {
  DeviceAnswer result{.state = state, .count = count};
  words = words.substr(0, result.words.size() - 1);
  std::ranges::copy(words, result.words.begin());
  return result;
}

/// A kernel, awaited: a card may be too old for those that libtorch brings. And one whose result
/// tells whether subnormal numbers are kept, which the same bits on every device rest upon.
void compute(c10::Device device) {
  constexpr float normal = std::numeric_limits<float>::min();
  const auto on_device = c10::TensorOptions().device(device).dtype(at::kFloat);
  const at::Tensor smallest = at::full({1}, normal, on_device);
  const at::Tensor below = at::full({1}, std::nextafter(normal, 0.0F), on_device);
  TORCH_CHECK(smallest.sub(below).item<float>() == std::numeric_limits<float>::denorm_min(),
              "it takes subnormal numbers for zero");
}

c10::Device at_device(const Device& device) {
  if (device.kind == Device::Kind::cpu) return {c10::kCPU};
  constexpr auto last = static_cast<unsigned char>(std::numeric_limits<c10::DeviceIndex>::max());
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(std::min<unsigned>(device.index, last))};
}

/// Computes first, and counts after a failure alone: where there is no driver, the failure has
/// words for it.
DeviceAnswer ask(const Device& device) {
  const c10::InferenceMode no_gradients;
  std::string message;
  const Status status = guarded(message, [&] { compute(at_device(device)); });
  if (status == Status::ok) return answer(DeviceState::usable);
  if (status == Status::out_of_memory) return answer(DeviceState::out_of_memory);
  const c10::impl::VirtualGuardImpl devices(at_device(device).type());
  const auto count = static_cast<unsigned>(std::max<int>(devices.deviceCount(), 0));
  if (count == 0) return answer(DeviceState::none, message);
  const bool exists = device.index < count;
  return answer(exists ? DeviceState::failed : DeviceState::no_such_device, message, count);
}

}  // namespace

DeviceAnswer open_device(const Device& device) noexcept {
  if (device.kind == Device::Kind::cuda &&
      dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return answer(DeviceState::no_cuda, dlerror());
  }
  try {
    return ask(device);
  } catch (...) {
    return answer(DeviceState::out_of_memory);  // there was none for a message
  }
}

}  // namespace gamma_extract::matrix
