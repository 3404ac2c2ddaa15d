#ifndef GAMMA_EXTRACT_EACH_WIDTH_H_
#define GAMMA_EXTRACT_EACH_WIDTH_H_

#include <gtest/gtest.h>

#include <string>

#include "vectors.h"

namespace gamma_extract::testing {

/// Tests of loops, run at each of the widths that this processor has.
class EachWidthTest : public ::testing::TestWithParam<Vectors> {
 protected:
  void SetUp() override {
    if (!has_vectors(GetParam())) GTEST_SKIP() << "this processor has no such vectors";
  }
};

inline const auto every_width =
    ::testing::Values(Vectors::portable, Vectors::avx2, Vectors::avx512);

inline std::string name_of_width(const ::testing::TestParamInfo<Vectors>& info) {
  switch (info.param) {
    case Vectors::portable:
      return "Portable";
    case Vectors::avx2:
      return "Avx2";
    case Vectors::avx512:
      return "Avx512";
  }
  return "";
}

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_EACH_WIDTH_H_
