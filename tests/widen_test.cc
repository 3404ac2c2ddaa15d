#include "widen.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

// The expected bits follow from the formats; tests/device_arithmetic_test.cc compares with
// libtorch.

namespace gamma_extract {
namespace {

using safetensors::Dtype;

template <class Stored>
std::vector<std::uint32_t> widened(const std::vector<Stored>& stored, Dtype dtype,
                                   Vectors vectors = widest_vectors()) {
  std::vector<float> values(stored.size());
  widen({.bytes = std::as_bytes(std::span(stored)),
         .dtype = dtype,
         .rows = 1,
         .columns = stored.size()},
        values, vectors);
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

/// Every value of a type of 16 bits, and no whole number of vectors.
std::vector<std::uint16_t> all_short_values() {
  std::vector<std::uint16_t> all(65536 + 7);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  return all;
}

TEST(WidenTest, EveryWidthGivesTheSameBits) {
  const std::vector<std::uint16_t> all = all_short_values();
  std::vector<double> wide;
  for (const std::uint16_t value : all) {
    wide.push_back(std::ldexp(1.0 + value / 65536.0 / 65536.0, value % 300 - 150));
  }
  for (const Vectors vectors : {Vectors::avx2, Vectors::avx512}) {
    if (!has_vectors(vectors)) continue;
    for (const Dtype dtype : {Dtype::BF16, Dtype::F16}) {
      EXPECT_EQ(widened(all, dtype, vectors), widened(all, dtype, Vectors::portable));
    }
    EXPECT_EQ(widened(wide, Dtype::F64, vectors), widened(wide, Dtype::F64, Vectors::portable));
  }
}

TEST(WidenTest, SignificantBits) {
  EXPECT_EQ(significant_bits(Dtype::BF16), 8);
  EXPECT_EQ(significant_bits(Dtype::F16), 11);
  EXPECT_EQ(significant_bits(Dtype::F32), 24);
  EXPECT_EQ(significant_bits(Dtype::F64), 24);
}

}  // namespace
}  // namespace gamma_extract
