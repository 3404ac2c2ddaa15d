#include "cuda_driver.h"

#include <gtest/gtest.h>

namespace gamma_extract {
namespace {

TEST(CudaDriverTest, CountsItsDevices) {
  EXPECT_EQ(count_cuda_devices(CUDA_DRIVER), 2U);
}

TEST(CudaDriverTest, OneThatCannotStartHasNone) {
  EXPECT_EQ(count_cuda_devices(CUDA_DRIVER_WITHOUT_DEVICE), 0U);
}

TEST(CudaDriverTest, WhereThereIsNoneThereAreNoDevices) {
  EXPECT_EQ(count_cuda_devices("/nowhere/libcuda.so.1"), 0U);
  EXPECT_EQ(count_cuda_devices("libm.so.6"), 0U);
}

}  // namespace
}  // namespace gamma_extract
