#include "cuda_driver.h"

#include <dlfcn.h>

namespace gamma_extract {

// The two functions are those of the CUDA driver API, whose header is not at hand everywhere. They
// return 0 for success.
unsigned count_cuda_devices(const std::string& file) noexcept {
  void* const driver = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) return 0;
  auto* const initialize = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
  auto* const get_count = reinterpret_cast<int (*)(int*)>(dlsym(driver, "cuDeviceGetCount"));
  int count = 0;
  if (initialize == nullptr || get_count == nullptr || initialize(0) != 0) return 0;
  return get_count(&count) == 0 && count > 0 ? static_cast<unsigned>(count) : 0;
}

}  // namespace gamma_extract
