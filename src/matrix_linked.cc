// The arithmetic is in the program itself (-DGAMMA_EXTRACT_MODULE=OFF).
#include "matrix_module.h"

namespace gamma_extract {

const matrix::Module& load_matrix_module() {
  return *gamma_extract_matrix();
}

}  // namespace gamma_extract
