#include "device_arithmetic.h"

#include <gtest/gtest.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "allocation_limit.h"
#include "block_layout.h"
#include "cpu_arithmetic.h"
#include "stored_block.h"
#include "widen.h"

// The arithmetic in ATen's operations against the loops that a run on the CPU uses, which
// cpu_arithmetic_test.cc and block_kernels_test.cc hold against others. On the CPU everywhere, and
// on a CUDA device where there is one.

namespace gamma_extract::matrix {
namespace {

using safetensors::Dtype;
using testing::AllocationLimit;

/// A block of any type, from the bits that its values are stored in.
struct Block {
  std::vector<std::byte> bytes;
  Dtype dtype = Dtype::F32;
  std::size_t rows = 0;
  std::size_t columns = 0;

  [[nodiscard]] StoredBlock stored() const {
    return {.bytes = bytes, .dtype = dtype, .rows = rows, .columns = columns};
  }
};

template <class Bits>
Block block_of(const std::vector<Bits>& bits, Dtype dtype, std::size_t columns) {
  const auto bytes = std::as_bytes(std::span(bits));
  return {.bytes = {bytes.begin(), bytes.end()},
          .dtype = dtype,
          .rows = bits.size() / columns,
          .columns = columns};
}

/// What comes out, in memory of its own.
struct Outcome {
  explicit Outcome(const Block& block)
      : gamma(block.rows * block.columns),
        centered(block.rows * block.columns),
        gamma_squares(block.rows, -1),
        centered_squares(block.rows, -1),
        products{.gamma = gamma,
                 .centered = centered,
                 .gamma_squares = gamma_squares,
                 .centered_squares = centered_squares,
                 .centered_sums = {}} {}
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;

  std::vector<float> gamma;
  std::vector<float> centered;
  std::vector<double> gamma_squares;
  std::vector<double> centered_squares;
  Products products;
};

Status center(Arithmetic& arithmetic, const Block& block, const std::vector<float>& mu,
              Outcome& outcome) {
  const Status status = arithmetic.start(block.stored(), mu, outcome.products);
  return status == Status::ok ? arithmetic.finish() : status;
}

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits(values.size());
  std::memcpy(bits.data(), values.data(), values.size() * sizeof(float));
  return bits;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (!std::isfinite(expected[i])) {
      EXPECT_EQ(std::isnan(actual[i]), std::isnan(expected[i])) << i;
      EXPECT_FALSE(std::isfinite(actual[i])) << i;
    } else {
      EXPECT_LE(std::abs(actual[i] - expected[i]), 1e-13 * expected[i]) << i;
    }
  }
}

/// The bits are the same, and of the sums of columns those that are exact in any order: the others
/// are not used.
void expect_same(const Outcome& actual, const Outcome& expected, std::size_t rows) {
  EXPECT_EQ(bits_of(actual.gamma), bits_of(expected.gamma));
  EXPECT_EQ(bits_of(actual.centered), bits_of(expected.centered));
  expect_near(actual.gamma_squares, expected.gamma_squares);
  expect_near(actual.centered_squares, expected.centered_squares);
  const BlockSums& sums = actual.products.centered_sums;
  const BlockSums& right = expected.products.centered_sums;
  EXPECT_EQ(sums.smallest, right.smallest);
  EXPECT_EQ(sums.largest, right.largest);
  ASSERT_EQ(sums.sum.size(), right.sum.size());
  for (std::size_t j = 0; j < right.sum.size(); ++j) {
    if (!sum_is_exact(right.smallest[j], right.largest[j], rows, significant_bits(Dtype::F32))) {
      continue;
    }
    EXPECT_EQ(sums.sum[j], right.sum[j]) << "column " << j;
  }
}

void expect_as_on_the_cpu(Arithmetic& arithmetic, const Block& block,
                          const std::vector<float>& mu) {
  Outcome expected(block);
  const auto loops = make_cpu_arithmetic();
  ASSERT_EQ(center(*loops, block, mu, expected), Status::ok);
  Outcome actual(block);
  ASSERT_EQ(center(arithmetic, block, mu, actual), Status::ok) << arithmetic.message();
  expect_same(actual, expected, block.rows);
}

/// Every pattern of bits is as likely as any other: all exponents, subnormals, NaN, infinities.
template <class Bits>
Block any_bits(Dtype dtype, std::size_t rows, std::size_t columns) {
  std::mt19937_64 random(rows * 1'000'003 + columns);
  std::vector<Bits> bits(rows * columns);
  for (Bits& value : bits) value = static_cast<Bits>(random());
  return block_of(bits, dtype, columns);
}

/// As weights are: F32, or the upper half of it.
template <class Bits>
Block weights(Dtype dtype, std::size_t rows, std::size_t columns, float size = 0.03F) {
  std::mt19937 random(static_cast<unsigned>(rows + columns));
  std::normal_distribution<float> value(0.01F * size, size);
  std::vector<Bits> bits(rows * columns);
  for (Bits& stored : bits) {
    const auto whole = std::bit_cast<std::uint32_t>(value(random));
    stored = static_cast<Bits>(whole >> (32 - 8 * sizeof(Bits)));
  }
  return block_of(bits, dtype, columns);
}

std::vector<float> some_mu(std::size_t columns, float size = 0.01F) {
  std::mt19937 random(7);
  std::normal_distribution<float> value(0, size);
  std::vector<float> mu(columns);
  for (float& component : mu) component = value(random);
  return mu;
}

class DeviceArithmeticTest : public ::testing::TestWithParam<Device> {
 protected:
  void SetUp() override {
    const DeviceAnswer answer = gamma_extract_matrix()->open_device(GetParam());
    if (answer.state != DeviceState::usable) {
      GTEST_SKIP() << name(GetParam()) << " cannot be used here: " << answer.words.data();
    }
    arithmetic_ = make_device_arithmetic(GetParam());
    ASSERT_NE(arithmetic_, nullptr);
  }

  void expect_as_on_the_cpu(const Block& block, const std::vector<float>& mu) {
    matrix::expect_as_on_the_cpu(*arithmetic_, block, mu);
  }

  std::unique_ptr<Arithmetic> arithmetic_;
};

INSTANTIATE_TEST_SUITE_P(OnEach, DeviceArithmeticTest,
                         ::testing::Values(Device{.kind = Device::Kind::cpu},
                                           Device{.kind = Device::Kind::cuda}),
                         [](const auto& info) {
                           return std::string(info.param.kind == Device::Kind::cpu ? "Cpu"
                                                                                   : "Cuda");
                         });

TEST_P(DeviceArithmeticTest, WeightsOfEachTypeAreAsOnTheCpu) {
  expect_as_on_the_cpu(weights<std::uint16_t>(Dtype::BF16, 102, 2560), some_mu(2560));
  expect_as_on_the_cpu(weights<std::uint32_t>(Dtype::F32, 1024, 64), some_mu(64));
  expect_as_on_the_cpu(any_bits<std::uint16_t>(Dtype::F16, 7, 33), some_mu(33));
  expect_as_on_the_cpu(any_bits<std::uint64_t>(Dtype::F64, 7, 33), some_mu(33));
}

TEST_P(DeviceArithmeticTest, AnyBitsAreAsOnTheCpu) {
  expect_as_on_the_cpu(any_bits<std::uint16_t>(Dtype::BF16, 300, 100), some_mu(100, 1e30F));
  expect_as_on_the_cpu(any_bits<std::uint16_t>(Dtype::F16, 300, 100), some_mu(100, 1e3F));
  expect_as_on_the_cpu(any_bits<std::uint32_t>(Dtype::F32, 300, 100), some_mu(100, 1e-30F));
  expect_as_on_the_cpu(any_bits<std::uint64_t>(Dtype::F64, 300, 100), some_mu(100));
}

TEST_P(DeviceArithmeticTest, EveryShortValueIsAsOnTheCpu) {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  expect_as_on_the_cpu(block_of(all, Dtype::BF16, 256), std::vector<float>(256));
  expect_as_on_the_cpu(block_of(all, Dtype::F16, 256), std::vector<float>(256));
}

// What a device that flushes subnormals to zero, or reads them so, would get wrong.
TEST_P(DeviceArithmeticTest, SubnormalsAreKept) {
  std::vector<std::uint32_t> bits(std::size_t{64} * 16);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    bits[i] = static_cast<std::uint32_t>(i * 8191) | static_cast<std::uint32_t>(i % 2) << 31U;
  }
  const float tiny = std::numeric_limits<float>::denorm_min();
  expect_as_on_the_cpu(block_of(bits, Dtype::F32, 16), std::vector<float>(16, 3 * tiny));

  const float normal = std::numeric_limits<float>::min();
  const Block block = block_of(std::vector<float>{normal, tiny}, Dtype::F32, 2);
  Outcome outcome(block);
  ASSERT_EQ(center(*arithmetic_, block, {std::nextafter(normal, 0.0F), -tiny}, outcome),
            Status::ok);
  EXPECT_EQ(outcome.centered, (std::vector<float>{tiny, 2 * tiny}));
}

TEST_P(DeviceArithmeticTest, F64IsRoundedOnce) {
  const double tie = 1 + std::ldexp(1.0, -24);
  const double subnormal = std::ldexp(1.0, -149);
  expect_as_on_the_cpu(
      block_of(std::vector<double>{tie, std::nextafter(tie, 2), subnormal, subnormal / 2,
                                   subnormal * 0.75, 1e300, -1e300, std::ldexp(1.0, 128)},
               Dtype::F64, 8),
      std::vector<float>(8));
}

TEST_P(DeviceArithmeticTest, EveryNanIsTheSame) {
  const float infinity = std::numeric_limits<float>::infinity();
  const Block block =
      block_of(std::vector<std::uint32_t>{0xff812345U, 0x7f800000U, 0x80000000U}, Dtype::F32, 3);
  Outcome outcome(block);
  ASSERT_EQ(center(*arithmetic_, block, {0, infinity, 0}, outcome), Status::ok);
  EXPECT_EQ(bits_of(outcome.gamma),
            (std::vector<std::uint32_t>{0x7fc00000, 0x7f800000, 0x80000000}));
  EXPECT_EQ(bits_of(outcome.centered),
            (std::vector<std::uint32_t>{0x7fc00000, 0x7fc00000, 0x80000000}));
}

TEST_P(DeviceArithmeticTest, ColumnsOfZerosAndExtremesAreAsOnTheCpu) {
  const float largest = std::numeric_limits<float>::max();
  const float infinity = std::numeric_limits<float>::infinity();
  expect_as_on_the_cpu(block_of(std::vector<float>{0, largest, 1, infinity, 0,        //
                                                   -0.0F, -largest, 1, -infinity, 0,  //
                                                   0, largest, 1, infinity, 3},
                                Dtype::F32, 5),
                       {0, -largest, 1, 0, 3});
}

TEST_P(DeviceArithmeticTest, EachShapeIsAsOnTheCpu) {
  expect_as_on_the_cpu(weights<std::uint32_t>(Dtype::F32, 1, 1), some_mu(1));
  expect_as_on_the_cpu(weights<std::uint16_t>(Dtype::BF16, 1024, 1), some_mu(1));
  expect_as_on_the_cpu(weights<std::uint32_t>(Dtype::F32, 1, BlockLayout::max_columns),
                       some_mu(BlockLayout::max_columns));
  expect_as_on_the_cpu(weights<std::uint32_t>(Dtype::F32, 8, BlockLayout::max_columns),
                       some_mu(BlockLayout::max_columns));
  // The last block of a matrix is smaller, and what was there before must not show.
  expect_as_on_the_cpu(weights<std::uint16_t>(Dtype::BF16, 3, 5), some_mu(5));
  expect_as_on_the_cpu(weights<std::uint32_t>(Dtype::F32, 2, 7), some_mu(7));
}

TEST_P(DeviceArithmeticTest, TwoBlocksMayBeInHandAtOnce) {
  const Block first = weights<std::uint16_t>(Dtype::BF16, 102, 2560);
  const Block second = weights<std::uint16_t>(Dtype::BF16, 100, 2560, 0.1F);
  const std::vector<float> mu = some_mu(2560);
  const auto other = make_device_arithmetic(GetParam());
  const auto loops = make_cpu_arithmetic();
  Outcome expected_first(first);
  Outcome expected_second(second);
  ASSERT_EQ(center(*loops, first, mu, expected_first), Status::ok);
  ASSERT_EQ(center(*loops, second, mu, expected_second), Status::ok);

  Outcome actual_first(first);
  Outcome actual_second(second);
  {
    // What was handed over may go once start() has returned.
    const auto lent_first = std::make_unique<const Block>(first);
    const auto lent_second = std::make_unique<const Block>(second);
    const auto lent_mu = std::make_unique<const std::vector<float>>(mu);
    ASSERT_EQ(arithmetic_->start(lent_first->stored(), *lent_mu, actual_first.products),
              Status::ok);
    ASSERT_EQ(other->start(lent_second->stored(), *lent_mu, actual_second.products), Status::ok);
  }
  ASSERT_EQ(arithmetic_->finish(), Status::ok);
  ASSERT_EQ(other->finish(), Status::ok);
  expect_same(actual_first, expected_first, first.rows);
  expect_same(actual_second, expected_second, second.rows);
}

// One that is started and never awaited: a run that ends early.
TEST_P(DeviceArithmeticTest, MayGoBeforeItHasFinished) {
  const Block block = weights<std::uint16_t>(Dtype::BF16, 51, 2560);
  Outcome outcome(block);
  ASSERT_EQ(arithmetic_->start(block.stored(), some_mu(2560), outcome.products), Status::ok);
  arithmetic_.reset();
}

TEST_P(DeviceArithmeticTest, AFailureIsAValueOfOneLine) {
  const Block block = weights<std::uint32_t>(Dtype::F32, 2, 4);
  Outcome outcome(block);
  EXPECT_EQ(center(*arithmetic_, block, {1, 2, 3}, outcome), Status::failed);
  EXPECT_STRNE(arithmetic_->message(), "");
  EXPECT_EQ(std::string(arithmetic_->message()).find('\n'), std::string::npos);
}

#if defined(__SSE__)
// The same bits on every device rest upon that, so each is asked before it is used.
TEST(OpenDeviceTest, OneThatTakesSubnormalsForZeroIsRefused) {
  const auto* const module = gamma_extract_matrix();
  ASSERT_EQ(module->open_device(Device()).state, DeviceState::usable);
  const unsigned mode = _MM_GET_FLUSH_ZERO_MODE();
  _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
  const DeviceAnswer answer = module->open_device(Device());
  _MM_SET_FLUSH_ZERO_MODE(mode);
  EXPECT_EQ(answer.state, DeviceState::failed);
  EXPECT_NE(std::string_view(answer.words.data()).find("subnormal"), std::string_view::npos)
      << answer.words.data();
}
#endif

/// On the CPU, whose allocator can be told to have no room.
class LittleMemoryTest : public ::testing::Test {
 protected:
  /// The buffers on this machine are made by a first block, while there is room.
  void expect_as_with_room(const Block& block, std::size_t room) {
    const std::vector<float> mu = some_mu(block.columns);
    Outcome first(block);
    ASSERT_EQ(center(*arithmetic_, block, mu, first), Status::ok);
    const Block other = weights<std::uint16_t>(Dtype::BF16, block.rows, block.columns, 0.2F);
    Outcome expected(other);
    ASSERT_EQ(center(*make_cpu_arithmetic(), other, mu, expected), Status::ok);
    const AllocationLimit limit(room);
    Outcome actual(other);
    ASSERT_EQ(center(*arithmetic_, other, mu, actual), Status::ok) << arithmetic_->message();
    expect_same(actual, expected, other.rows);
  }

  std::unique_ptr<Arithmetic> arithmetic_ = make_device_arithmetic(Device());
};

// No tensor of more than 1 MiB, of which a device's allocator keeps much.
TEST_F(LittleMemoryTest, ABlockOfTheRealShapeTakesTheRoomOfHalfOfIt) {
  expect_as_with_room(weights<std::uint16_t>(Dtype::BF16, 102, 2560), 3'500'000);
  EXPECT_EQ(AllocationLimit::refusals(), 0);
}

TEST_F(LittleMemoryTest, ABlockIsCutByRows) {
  expect_as_with_room(weights<std::uint16_t>(Dtype::BF16, 51, 2560), 700'000);
  EXPECT_EQ(AllocationLimit::refusals(), 2);
}

TEST_F(LittleMemoryTest, AndThenWithinARow) {
  // The sums of the columns alone take 16 bytes a column.
  expect_as_with_room(weights<std::uint16_t>(Dtype::BF16, 3, 30'001), 16 * 30'001 + 200'000);
  EXPECT_GT(AllocationLimit::refusals(), 2);
}

TEST_F(LittleMemoryTest, WhatDidNotFitOnceIsNotTriedAgain) {
  const Block block = weights<std::uint16_t>(Dtype::BF16, 51, 2560);
  expect_as_with_room(block, 700'000);
  const AllocationLimit limit(700'000);
  Outcome outcome(block);
  EXPECT_EQ(center(*arithmetic_, block, some_mu(2560), outcome), Status::ok);
  EXPECT_EQ(AllocationLimit::refusals(), 0);
}

TEST_F(LittleMemoryTest, TooLittleForTheSmallestPieceIsAValue) {
  const Block block = weights<std::uint16_t>(Dtype::BF16, 1024, 64);
  Outcome outcome(block);
  ASSERT_EQ(center(*arithmetic_, block, some_mu(64), outcome), Status::ok);
  const AllocationLimit limit(16 * 1024 + 16 * 64 + 8 * smallest_piece);
  EXPECT_EQ(center(*arithmetic_, block, some_mu(64), outcome), Status::out_of_memory);
  EXPECT_EQ(AllocationLimit::refusals(), 5);  // 1024 x 64, and half of that, down to 4096
}

TEST_F(LittleMemoryTest, NoneForTheBuffersIsAValue) {
  const Block block = weights<std::uint16_t>(Dtype::BF16, 51, 2560);
  Outcome outcome(block);
  const AllocationLimit limit(1000);
  EXPECT_EQ(center(*arithmetic_, block, some_mu(2560), outcome), Status::out_of_memory);
}

}  // namespace
}  // namespace gamma_extract::matrix
