# The CPU half of libtorch, found by its files: the target TorchCpu::TorchCpu.
#
# Not find_package(Torch): a wheel's, with Debian's libtorch installed too, picks up the wrong
# libraries, wants the CUDA toolkit, and links libtorch_cuda, which every run would then pay for. The
# program needs libtorch_cpu and libc10 alone.
#
# GAMMA_EXTRACT_LIBTORCH names the root where it is not the system's.

# What an earlier configure found in another root is no answer.
if(NOT GAMMA_EXTRACT_LIBTORCH STREQUAL "${TorchCpu_ROOT_SEARCHED}")
  unset(TorchCpu_INCLUDE_DIR CACHE)
  unset(TorchCpu_LIBRARY CACHE)
  unset(TorchCpu_C10_LIBRARY CACHE)
endif()
set(TorchCpu_ROOT_SEARCHED "${GAMMA_EXTRACT_LIBTORCH}" CACHE INTERNAL "")

if(GAMMA_EXTRACT_LIBTORCH)
  set(_torch_search PATHS ${GAMMA_EXTRACT_LIBTORCH} NO_DEFAULT_PATH)
endif()
find_path(TorchCpu_INCLUDE_DIR ATen/core/Tensor.h PATH_SUFFIXES include ${_torch_search})
find_library(TorchCpu_LIBRARY torch_cpu PATH_SUFFIXES lib ${_torch_search})
find_library(TorchCpu_C10_LIBRARY c10 PATH_SUFFIXES lib ${_torch_search})
mark_as_advanced(TorchCpu_INCLUDE_DIR TorchCpu_LIBRARY TorchCpu_C10_LIBRARY)

# The version's macros stand in one of two headers, by age.
set(TorchCpu_VERSION "")
foreach(_header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
  if(TorchCpu_INCLUDE_DIR AND NOT TorchCpu_VERSION AND EXISTS ${TorchCpu_INCLUDE_DIR}/${_header})
    file(STRINGS ${TorchCpu_INCLUDE_DIR}/${_header} _lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    list(TRANSFORM _lines REPLACE ".* ([0-9]+)$" "\\1")
    list(JOIN _lines "." TorchCpu_VERSION)
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(TorchCpu
  REQUIRED_VARS TorchCpu_LIBRARY TorchCpu_C10_LIBRARY TorchCpu_INCLUDE_DIR
  VERSION_VAR TorchCpu_VERSION)

if(TorchCpu_FOUND AND GAMMA_EXTRACT_LIBTORCH AND TorchCpu_VERSION VERSION_LESS 2.7)
  message(FATAL_ERROR "libtorch ${TorchCpu_VERSION} in ${GAMMA_EXTRACT_LIBTORCH} has the old string ABI "
    "and does not link with this system's libraries: name a wheel of 2.7 or later, or Debian's")
endif()

if(TorchCpu_FOUND AND NOT TARGET TorchCpu::TorchCpu)
  add_library(TorchCpu::c10 UNKNOWN IMPORTED)
  set_target_properties(TorchCpu::c10 PROPERTIES IMPORTED_LOCATION ${TorchCpu_C10_LIBRARY})
  add_library(TorchCpu::TorchCpu UNKNOWN IMPORTED)
  set_target_properties(TorchCpu::TorchCpu PROPERTIES
    IMPORTED_LOCATION ${TorchCpu_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${TorchCpu_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES TorchCpu::c10)
endif()
set(GAMMA_EXTRACT_LIBTORCH_VERSION ${TorchCpu_VERSION})
# For --version alone: the CUDA half is opened when a run asks for a device.
set(GAMMA_EXTRACT_LIBTORCH_HAS_CUDA false)
cmake_path(GET TorchCpu_LIBRARY PARENT_PATH _torch_libraries)
if(EXISTS ${_torch_libraries}/libtorch_cuda.so)
  set(GAMMA_EXTRACT_LIBTORCH_HAS_CUDA true)
endif()
