#ifndef GAMMA_EXTRACT_CUDA_DRIVER_H_
#define GAMMA_EXTRACT_CUDA_DRIVER_H_

#include <string>

/// NVIDIA's driver, asked without libtorch, which would take a second to start.
namespace gamma_extract {

/// The number of CUDA devices that the driver counts, as libtorch would: what CUDA_VISIBLE_DEVICES
/// hides is not among them. 0 where there is no driver. `file` is for tests.
unsigned count_cuda_devices(const std::string& file = "libcuda.so.1") noexcept;

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_CUDA_DRIVER_H_
