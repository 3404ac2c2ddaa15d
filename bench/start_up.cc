// libtorch's bare start-up: a program linked with the build's libtorch that makes one tensor.
#include <ATen/core/ivalue.h>  // IWYU pragma: keep (zeros.h of 1.13 needs it, for clang)
#include <ATen/ops/zeros.h>

int main() {
  return at::zeros({1}).numel() == 1 ? 0 : 1;
}
