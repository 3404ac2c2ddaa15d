#include "gamma_extract/error.h"

#include <gtest/gtest.h>

#include <string>

namespace gamma_extract {
namespace {

TEST(ErrorTest, ExitCodesFollowTheRoom) {
  EXPECT_EQ(exit_code(Fault::usage), 2);
  EXPECT_EQ(exit_code(Fault::endpoint_invalid), 2);
  EXPECT_EQ(exit_code(Fault::libtorch_unavailable), 2);
  EXPECT_EQ(exit_code(Fault::file_missing), 3);
  EXPECT_EQ(exit_code(Fault::out_of_memory), 3);
  EXPECT_EQ(exit_code(Fault::tensor_hole_or_overlap), 3);
  EXPECT_EQ(exit_code(Fault::value_overflow), 3);
  EXPECT_EQ(exit_code(Fault::self_check_failed), 1);
  EXPECT_EQ(exit_code(Fault::output_unwritable), 4);
  EXPECT_EQ(exit_code(Fault::output_stdout), 4);
  EXPECT_EQ(exit_code(Fault::repository_gated), 3);
  EXPECT_EQ(exit_code(Fault::network_unreachable), 5);
  EXPECT_EQ(exit_code(Fault::hub_file_changed), 5);
}

TEST(ErrorTest, FailFormatsAndThrows) {
  try {
    fail(Fault::usage, "--threads {}: not a number", "x");
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_STREQ(error.what(), "--threads x: not a number");
    return;
  }
  FAIL();
}

}  // namespace
}  // namespace gamma_extract
