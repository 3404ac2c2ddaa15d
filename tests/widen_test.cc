#include "widen.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

// The expected bits follow from the formats; tests/matrix_test.cc compares with libtorch.

namespace gamma_extract {
namespace {

using safetensors::Dtype;

template <class Stored>
std::vector<std::uint32_t> widened(const std::vector<Stored>& stored, Dtype dtype) {
  std::vector<float> values(stored.size());
  widen({.bytes = std::as_bytes(std::span(stored)),
         .dtype = dtype,
         .rows = 1,
         .columns = stored.size()},
        values);
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

using Bits = std::vector<std::uint32_t>;

TEST(WidenTest, Bf16) {
  EXPECT_EQ(
      widened(std::vector<std::uint16_t>{0x3f80, 0xbf80, 0x0001, 0x8000, 0x7f80}, Dtype::BF16),
      (Bits{0x3f800000, 0xbf800000, 0x00010000, 0x80000000, 0x7f800000}));
}

TEST(WidenTest, F16WithSubnormalsAndInfinity) {
  EXPECT_EQ(
      widened(std::vector<std::uint16_t>{0x3c00, 0x0001, 0x83ff, 0x8000, 0x7bff, 0xfc00, 0x7e01},
              Dtype::F16),
      (Bits{0x3f800000, 0x33800000, 0xb87fc000, 0x80000000, 0x477fe000, 0xff800000, 0x7fc02000}));
}

TEST(WidenTest, F32IsKept) {
  EXPECT_EQ(widened(std::vector<std::uint32_t>{0x3f800000, 0x80000000, 1, 0xffc12345}, Dtype::F32),
            (Bits{0x3f800000, 0x80000000, 1, 0xffc12345}));
}

TEST(WidenTest, F64IsRoundedOnceTiesToEven) {
  const double tie = 1 + std::ldexp(1.0, -24);
  const double subnormal = std::ldexp(1.0, -149);
  EXPECT_EQ(widened(std::vector<double>{tie, std::nextafter(tie, 2), subnormal, subnormal / 2,
                                        subnormal * 0.75, 1e300, -1e300},
                    Dtype::F64),
            (Bits{0x3f800000, 0x3f800001, 1, 0, 1, 0x7f800000, 0xff800000}));
}

TEST(WidenTest, SignificantBits) {
  EXPECT_EQ(significant_bits(Dtype::BF16), 8);
  EXPECT_EQ(significant_bits(Dtype::F16), 11);
  EXPECT_EQ(significant_bits(Dtype::F32), 24);
  EXPECT_EQ(significant_bits(Dtype::F64), 24);
}

}  // namespace
}  // namespace gamma_extract
