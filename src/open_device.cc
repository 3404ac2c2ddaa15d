#include "open_device.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <algorithm>
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

/// A kernel, awaited: a card may be too old for those that libtorch brings.
void compute(c10::Device device) {
  const at::Tensor one = at::ones({1}, c10::TensorOptions().device(device).dtype(at::kFloat));
  TORCH_CHECK(one.sub(one).item<float>() == 0, "1 - 1 is not 0 there");
}

/// Asks for the count after a failure alone: where there is no driver, the question prints a
/// warning of libtorch's, and the computation says as much in words.
DeviceAnswer open_cuda(unsigned index) {
  constexpr unsigned last = std::numeric_limits<c10::DeviceIndex>::max();
  const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(std::min(index, last)));
  std::string message;
  const Status status = guarded(message, [device] { compute(device); });
  if (status == Status::ok) return answer(DeviceState::usable);
  if (status == Status::out_of_memory) return answer(DeviceState::out_of_memory);
  const auto count = static_cast<unsigned>(c10::impl::VirtualGuardImpl(c10::kCUDA).deviceCount());
  if (count == 0) return answer(DeviceState::none, message);
  return answer(index < count ? DeviceState::failed : DeviceState::no_such_device, message, count);
}

}  // namespace

DeviceAnswer open_device(const Device& device) noexcept {
  if (device.kind == Device::Kind::cpu) return answer(DeviceState::usable);
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return answer(DeviceState::no_cuda, dlerror());
  }
  try {
    const c10::InferenceMode no_gradients;
    return open_cuda(device.index);
  } catch (...) {
    return answer(DeviceState::out_of_memory);  // there was none for a message
  }
}

}  // namespace gamma_extract::matrix
