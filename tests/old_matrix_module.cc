// A module of another version of the program.
#include "matrix.h"

namespace {
constexpr gamma_extract::matrix::Module old{
    .version = "0.0.1", .libtorch = "1.0.0", .open_device = nullptr, .make_arithmetic = nullptr};
}

const gamma_extract::matrix::Module* gamma_extract_matrix() noexcept {
  return &old;
}
