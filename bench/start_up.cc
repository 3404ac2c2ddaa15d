// libtorch's bare start-up: a program that is linked with the libtorch of the build and makes one
// tensor.
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

int main() {
  return at::zeros({1}).numel() == 1 ? 0 : 1;
}
