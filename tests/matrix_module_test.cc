#include "matrix_module.h"

#include <gtest/gtest.h>

#include "expect_fault.h"
#include "version.h"

namespace gamma_extract {
namespace {

TEST(MatrixModuleTest, OpensItsOwn) {
  const matrix::Module& module = open_matrix_module(MODULE);
  EXPECT_STREQ(module.version, version);
  EXPECT_STREQ(module.libtorch, libtorch_version);
  EXPECT_NE(module.make_arithmetic(Device()), nullptr);
}

TEST(MatrixModuleTest, RefusesAMissingOne) {
  EXPECT_FAULT(open_matrix_module("/nowhere/module.so"), libtorch_unavailable);
}

TEST(MatrixModuleTest, RefusesOneOfAnotherVersion) {
  EXPECT_FAULT(open_matrix_module(OLD_MODULE), libtorch_unavailable);
}

TEST(MatrixModuleTest, RefusesALibraryOfAnotherKind) {
  EXPECT_FAULT(open_matrix_module("libm.so.6"), libtorch_unavailable);
}

}  // namespace
}  // namespace gamma_extract
