#include <gtest/gtest.h>

#include <string>

#include "run_program.h"

namespace gamma_extract {
namespace {

using testing::Outcome;
using testing::run_program;

TEST(EndToEndTest, Help) {
  const Outcome outcome = run_program({"--help"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("--model"), std::string::npos);
  EXPECT_EQ(outcome.err, "");
}

}  // namespace
}  // namespace gamma_extract
