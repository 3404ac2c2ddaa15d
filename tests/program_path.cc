#include "run_program.h"

namespace gamma_extract::testing {

const char* const program_path = PROGRAM;

}  // namespace gamma_extract::testing
