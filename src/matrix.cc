#include "matrix.h"

#include "device_arithmetic.h"
#include "open_device.h"
#include "version.h"

const gamma_extract::matrix::Module* gamma_extract_matrix() noexcept {
  static constexpr gamma_extract::matrix::Module module{
      .version = gamma_extract::version,
      .libtorch = gamma_extract::libtorch_version,
      .open_device = gamma_extract::matrix::open_device,
      .make_arithmetic = gamma_extract::matrix::make_device_arithmetic,
  };
  return &module;
}
