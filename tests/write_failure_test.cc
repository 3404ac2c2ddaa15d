#include "write_failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "expect_fault.h"

namespace gamma_extract {
namespace {

using ::testing::HasSubstr;

std::string text(int error_number) {
  try {
    fail_to_write("out/a", error_number);
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(WriteFailureTest, FaultsOfErrno) {
  EXPECT_FAULT(fail_to_write("out/a", ENOSPC), output_disk_full);
  EXPECT_FAULT(fail_to_write("out/a", EDQUOT), output_disk_full);
  EXPECT_FAULT(fail_to_write("out/a", EFBIG), output_file_limit);
  for (const int other : {EIO, EACCES, EROFS, ENOENT, ESTALE}) {
    EXPECT_FAULT(fail_to_write("out/a", other), output_unwritable);
  }
}

TEST(WriteFailureTest, TextNamesFileAndRemedy) {
  EXPECT_EQ(text(EIO),
            "out/a: cannot write it: Input/output error; check the disk, or choose another --out");
  EXPECT_THAT(text(EDQUOT), HasSubstr("quota"));
  EXPECT_THAT(text(EMFILE), HasSubstr("`ulimit -n`"));
  EXPECT_THAT(text(ENOENT), HasSubstr("choose another --out"));
  EXPECT_THAT(text(EFBIG), HasSubstr("`ulimit -f`"));
}

}  // namespace
}  // namespace gamma_extract
