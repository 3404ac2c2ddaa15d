#ifndef GAMMA_EXTRACT_MATRIX_MODULE_H_
#define GAMMA_EXTRACT_MATRIX_MODULE_H_

#include <string>

#include "matrix.h"

/// Where a device's arithmetic comes from: a module that is opened for one, or the program itself.
namespace gamma_extract {

/// Opens the module, or returns what is linked in (-DGAMMA_EXTRACT_MODULE=OFF). Takes libtorch's
/// start-up time. Throws as open_matrix_module() does.
const matrix::Module& load_matrix_module();

/// Opens that module: a path, or a bare name that the loader looks up in the RUNPATH of whatever
/// this library is linked into, so that the program finds its own module wherever both are moved.
/// The module stays loaded until the process ends: libtorch does not survive being unloaded.
/// Throws libtorch_unavailable, with the loader's words, if the module cannot be loaded or belongs
/// to another version of the program.
const matrix::Module& open_matrix_module(const std::string& file);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MATRIX_MODULE_H_
