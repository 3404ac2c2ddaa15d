#ifndef GAMMA_EXTRACT_CPU_ARITHMETIC_H_
#define GAMMA_EXTRACT_CPU_ARITHMETIC_H_

#include <memory>

#include "matrix.h"

/// The arithmetic in loops of our own, on the processor, without libtorch.
///
/// A block is centered, measured and summed together, which the operations of a tensor library, one
/// after the other, cannot do; and libtorch would take longer to start than all of the
/// arithmetic takes (docs/performance.md has figures).
namespace gamma_extract::matrix {

/// All of the work is done in start(), in the calling thread.
std::unique_ptr<Arithmetic> make_cpu_arithmetic();

}  // namespace gamma_extract::matrix

#endif  // GAMMA_EXTRACT_CPU_ARITHMETIC_H_
