#ifndef GAMMA_EXTRACT_MATRIX_FAULTS_H_
#define GAMMA_EXTRACT_MATRIX_FAULTS_H_

#include <memory>

#include "gamma_extract/device.h"
#include "matrix.h"

/// What the arithmetic's module answers, as faults: no exception comes through its door.
namespace gamma_extract {

/// Makes the device ready. Throws device_unavailable, with what to do, or out_of_memory.
void require_device(const matrix::Module& module, const Device& device);

/// An Arithmetic of a device of `module` that is ready. Throws out_of_memory.
std::unique_ptr<matrix::Arithmetic> make_arithmetic(const matrix::Module& module,
                                                    const Device& device);

/// Unless `status` is ok, throws out_of_memory or device_unavailable. The CPU cannot fail otherwise
/// than for want of memory.
void require_ok(matrix::Status status, const matrix::Arithmetic& arithmetic, const Device& device);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MATRIX_FAULTS_H_
