#ifndef GAMMA_EXTRACT_EXPECT_FAULT_H_
#define GAMMA_EXTRACT_EXPECT_FAULT_H_

#include <gtest/gtest.h>

#include "gamma_extract/error.h"

/// Expects `statement` to throw an Error of that fault, and shows the text of another.
#define EXPECT_FAULT(statement, expected)                                                 \
  try {                                                                                   \
    statement;                                                                            \
    ADD_FAILURE() << #statement " threw nothing; expected " #expected;                    \
  } catch (const gamma_extract::Error& error) {                                           \
    EXPECT_EQ(error.fault(), gamma_extract::Fault::expected) << "text: " << error.what(); \
  }

#endif  // GAMMA_EXTRACT_EXPECT_FAULT_H_
