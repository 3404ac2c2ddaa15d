#include "gamma_extract/hash.h"

#include <gtest/gtest.h>

#include <span>
#include <string>

namespace gamma_extract {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// The expected values were printed by `printf %s TEXT | xxhsum -H2` and `| sha256sum`.
TEST(HashTest, Xxh3OfNothing) {
  EXPECT_EQ(Xxh3Stream().hex(), "99aa06d3014798d86001c324468d497f");
}

TEST(HashTest, Xxh3InPartsIsThatOfTheWhole) {
  Xxh3Stream whole;
  whole.update(bytes_of("gamma-extract"));
  EXPECT_EQ(whole.hex(), "9d2ab79027fead7e2d8641978ed34cdf");
  Xxh3Stream parts;
  parts.update(bytes_of("gamma"));
  parts.update(bytes_of(""));
  parts.update(bytes_of("-extract"));
  EXPECT_EQ(parts.hex(), whole.hex());
  EXPECT_EQ(xxh3_hex(bytes_of("gamma-extract")), whole.hex());
}

TEST(HashTest, Xxh3_64) {
  EXPECT_EQ(xxh3_64(bytes_of("gamma-extract")), 0x6e0cad73d7ef8a00U);
}

TEST(HashTest, Sha256) {
  EXPECT_EQ(sha256_hex(bytes_of("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(bytes_of("gamma-extract")),
            "2f7a66ce8dd9dd2d24e0988d1922647b4132e1716755adc36b97a5d51153a086");
}

}  // namespace
}  // namespace gamma_extract
