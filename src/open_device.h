#ifndef GAMMA_EXTRACT_OPEN_DEVICE_H_
#define GAMMA_EXTRACT_OPEN_DEVICE_H_

#include "matrix.h"

namespace gamma_extract::matrix {

/// Makes a device ready, as matrix.h says of `open_device` of a module.
///
/// libtorch's CUDA half is opened by its name, from where this module's own libtorch is; the
/// program is not linked with it, since each run on the CPU would pay for that. It must be there
/// before ATen is first asked about CUDA: what it answers then holds for the process.
DeviceAnswer open_device(const Device& device) noexcept;

}  // namespace gamma_extract::matrix

#endif  // GAMMA_EXTRACT_OPEN_DEVICE_H_
