#include "matrix_module.h"

#include <dlfcn.h>

#include <string_view>

#include "gamma_extract/error.h"
#include "version.h"

namespace gamma_extract {
namespace {

using Entry = decltype(gamma_extract_matrix);

[[noreturn]] void refuse(const std::string& file, std::string_view why) {
  fail(Fault::libtorch_unavailable,
       "cannot load {}: {}; reinstall gamma-extract {} and the libtorch it was built with ({})",
       file, why, version, libtorch_version);
}

}  // namespace

const matrix::Module& load_matrix_module() {
  return open_matrix_module("gamma-extract-matrix.so");
}

const matrix::Module& open_matrix_module(const std::string& file) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) refuse(file, dlerror());
  auto* entry = reinterpret_cast<Entry*>(dlsym(library, "gamma_extract_matrix"));
  if (entry == nullptr) refuse(file, dlerror());
  const matrix::Module* module = entry();
  if (std::string_view(module->version) != version) {
    refuse(file, fmt::format("it belongs to version {}", module->version));
  }
  return *module;
}

}  // namespace gamma_extract
