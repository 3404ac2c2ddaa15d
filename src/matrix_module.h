#ifndef GAMMA_EXTRACT_MATRIX_MODULE_H_
#define GAMMA_EXTRACT_MATRIX_MODULE_H_

#include "matrix.h"

/// Where the arithmetic comes from: the module beside the program, or the program itself.
namespace gamma_extract {

/// Opens the module, or returns what is linked in. Takes libtorch's start-up time, so call it from
/// a thread of its own. The module stays loaded until the process ends: libtorch does not survive
/// being unloaded. Throws libtorch_unavailable, with the loader's words, if the module cannot be
/// loaded or belongs to another version of the program.
const matrix::Module& load_matrix_module();

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MATRIX_MODULE_H_
