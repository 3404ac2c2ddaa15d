#include "matrix_faults.h"

#include "gamma_extract/error.h"

namespace gamma_extract {

void require_device(const matrix::Module& module, const Device& device) {
  using matrix::DeviceState;
  const matrix::DeviceAnswer answer = module.open_device(device);
  const char* const words = answer.words.data();
  switch (answer.state) {
    case DeviceState::usable:
      return;
    case DeviceState::no_cuda:
      fail(Fault::device_unavailable,
           "{}: libtorch {} has no CUDA half that can be loaded ({}); use --device cpu, or build "
           "gamma-extract with a libtorch for CUDA that has all it needs",
           name(device), module.libtorch, words);
    case DeviceState::none:
      fail(Fault::device_unavailable,
           "{}: no CUDA device can be used ({}); use --device cpu, or see that nvidia-smi lists a "
           "device and that CUDA_VISIBLE_DEVICES does not hide it",
           name(device), words);
    case DeviceState::no_such_device:
      fail(Fault::device_unavailable,
           "{}: there is no such device: libtorch sees {}, counted from cuda:0; give one of those, "
           "or use --device cpu",
           name(device), answer.count);
    case DeviceState::out_of_memory:
      fail(Fault::out_of_memory,
           "{}: not enough memory on the device to begin; end what else uses it (nvidia-smi lists "
           "that), or use --device cpu",
           name(device));
    case DeviceState::failed:
      fail(Fault::device_unavailable,
           "{}: the device cannot compute ({}); use --device cpu, or a libtorch that supports this "
           "device",
           name(device), words);
  }
}

std::unique_ptr<matrix::Arithmetic> make_arithmetic(const matrix::Module& module,
                                                    const Device& device) {
  auto arithmetic = module.make_arithmetic(device);
  if (!arithmetic) {
    fail(Fault::out_of_memory, "{}: not enough memory to start the arithmetic; use fewer --threads",
         name(device));
  }
  return arithmetic;
}

void require_ok(matrix::Status status, const matrix::Arithmetic& arithmetic, const Device& device) {
  if (status == matrix::Status::ok) return;
  if (status == matrix::Status::out_of_memory && device == Device()) {
    fail(Fault::out_of_memory, "not enough memory for a block of rows; use fewer --threads");
  }
  if (status == matrix::Status::out_of_memory) {
    fail(Fault::out_of_memory,
         "{}: not enough memory, on the device or pinned on this machine, for the smallest part of "
         "a block; use fewer --threads, end what else uses the device, or use --device cpu",
         name(device));
  }
  fail(Fault::device_unavailable, "{}: the device failed ({}); run again, or use --device cpu",
       name(device), arithmetic.message());
}

}  // namespace gamma_extract
