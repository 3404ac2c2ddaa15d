#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "cpu_arithmetic.h"
#include "device_arithmetic.h"
#include "expect_fault.h"
#include "first_pass.h"
#include "gamma_extract/hash.h"
#include "second_pass.h"
#include "temporary_directory.h"

// Both passes over a file that the test changes between them, and with more threads than blocks.

namespace gamma_extract {
namespace {

using testing::TemporaryDirectory;

struct Shape {
  std::uint64_t rows;
  std::uint64_t columns;
};
constexpr Shape some{.rows = 2500, .columns = 3};    // three blocks of at most 1,024 rows
constexpr Shape tall{.rows = 23'000, .columns = 3};  // 23 blocks
constexpr Shape wide{.rows = 7, .columns = 3 * BlockLayout::max_columns + 5};  // rows that are cut

/// Counts the blocks that are started and not finished; the arithmetic is that of the CPU.
class CountingArithmetic final : public matrix::Arithmetic {
 public:
  static inline int in_hand = 0;
  static inline int most_in_hand = 0;

  matrix::Status start(const StoredBlock& block, std::span<const float> mu,
                       matrix::Products& products) noexcept override {
    most_in_hand = std::max(most_in_hand, ++in_hand);
    return loops_->start(block, mu, products);
  }
  matrix::Status finish() noexcept override {
    --in_hand;
    return loops_->finish();
  }
  [[nodiscard]] const char* message() const noexcept override { return loops_->message(); }

 private:
  std::unique_ptr<matrix::Arithmetic> loops_ = matrix::make_cpu_arithmetic();
};

class PassesTest : public ::testing::Test {
 protected:
  PassesTest() {
    set_shape(some);
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = static_cast<float>(i % 17) / 8;
    write(values_);
  }

  void set_shape(const Shape& shape) {
    values_.assign(shape.rows * shape.columns, 0.0F);
    layout_ = BlockLayout(shape.rows, shape.columns);
    matrix_.tensor = {.name = "w",
                      .dtype = safetensors::Dtype::F32,
                      .shape = {shape.rows, shape.columns},
                      .offset = 0,
                      .bytes = values_.size() * sizeof(float)};
  }

  /// Values that float64 cannot sum, so that every order of rounding additions would show.
  void write_hostile_values(const Shape& shape) {
    set_shape(shape);
    std::mt19937 random(3);
    for (float& value : values_) {
      value =
          std::ldexp(static_cast<float>(random()) - 0x1p31F, static_cast<int>(random() % 120) - 92);
    }
    write(values_);
  }

  void write(const std::vector<float>& values) {
    std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
    if (!file) file.open(path_, std::ios::binary | std::ios::out);
    file.write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(float)));
  }

  FirstPass run_first(const Source& source, unsigned threads, bool allow_nonfinite = false) {
    FirstPassOptions options;
    options.threads = threads;
    options.allow_nonfinite = allow_nonfinite;
    return first_pass({&source, &matrix_}, layout_, options, observer_);
  }

  /// What it writes is in gamma_ and centered_.
  SecondPass run_second(const Source& source, const FirstPass& first, SecondPassOptions options) {
    const auto keep_in = [this](std::vector<std::byte>& written) -> Sink {
      written.assign(values_.size() * sizeof(float), std::byte{0xff});
      return [&written](std::uint64_t offset, std::span<const std::byte> bytes) {
        std::ranges::copy(bytes, written.begin() + static_cast<std::ptrdiff_t>(offset));
      };
    };
    options.gamma = keep_in(gamma_);
    options.centered = keep_in(centered_);
    return second_pass({&source, &matrix_}, layout_, first, options, observer_);
  }

  SecondPass run_second(const Source& source, const FirstPass& first, unsigned threads) {
    SecondPassOptions options;
    options.threads = threads;
    return run_second(source, first, options);
  }

  /// One whose CUDA device is the CPU.
  static matrix::Module module_on_the_cpu() {
    matrix::Module module = *gamma_extract_matrix();
    module.make_arithmetic = [](const Device& /*device*/) noexcept {
      return matrix::make_device_arithmetic(Device());
    };
    return module;
  }

  /// As for a CUDA device, with two blocks in hand, but on the CPU.
  SecondPass run_second_on_device(const Source& source, const FirstPass& first, unsigned threads) {
    const matrix::Module module = module_on_the_cpu();
    SecondPassOptions options;
    options.threads = threads;
    options.device = {.kind = Device::Kind::cuda};
    options.module = &module;
    return run_second(source, first, options);
  }

  /// For sums that a device adds up in another order.
  static void expect_near(double actual, double expected) {
    EXPECT_NEAR(actual, expected, 1e-13 * expected);
  }

  /// That what was written is what was hashed, and the same as in another pass.
  void expect_same_files(const SecondPass& actual, const SecondPass& expected) const {
    EXPECT_EQ(actual.gamma_xxh3, expected.gamma_xxh3);
    EXPECT_EQ(actual.centered_xxh3, expected.centered_xxh3);
    EXPECT_EQ(actual.gamma_xxh3, xxh3_hex(gamma_));
    EXPECT_EQ(actual.centered_xxh3, xxh3_hex(centered_));
  }

  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "matrix";
  std::vector<float> values_;
  StoredMatrix matrix_;
  BlockLayout layout_{1, 1};
  StopFlag stop_;
  Progress progress_;
  Observer observer_{.stop = stop_, .progress = progress_, .warn = {}};
  std::vector<std::byte> gamma_;
  std::vector<std::byte> centered_;
};

TEST_F(PassesTest, ThreadsChangeNothing) {
  for (const Shape& shape : {tall, wide}) {
    write_hostile_values(shape);
    const FileSource source(path_);
    const FirstPass first = run_first(source, 1);
    const SecondPass second = run_second(source, first, 1);
    EXPECT_EQ(second.gamma_xxh3, xxh3_hex(std::as_bytes(std::span(values_))));
    for (unsigned threads = 2; threads <= 9; ++threads) {
      const FirstPass other = run_first(source, threads);
      EXPECT_EQ(other.mu, first.mu);
      EXPECT_EQ(other.checksums, first.checksums);
      const SecondPass again = run_second(source, other, threads);
      expect_same_files(again, second);
      EXPECT_EQ(again.gamma_squares, second.gamma_squares);
      EXPECT_EQ(again.centered_squares, second.centered_squares);
      EXPECT_EQ(again.residual_norm, second.residual_norm);
    }
  }
}

// A column's place in its row is that in its block only where no row is cut.
TEST_F(PassesTest, RowsThatAreCut) {
  set_shape(wide);
  std::vector<double> squares(wide.rows);
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const std::size_t row = i / wide.columns;
    const std::size_t column = i % wide.columns;
    values_[i] = static_cast<float>(column) + (row == 0 ? 7.0F : 0.0F);
    squares[row] += static_cast<double>(values_[i]) * values_[i];
  }
  write(values_);
  const FileSource source(path_);
  const FirstPass first = run_first(source, 2);
  for (std::size_t column = 0; column < wide.columns; ++column) {
    ASSERT_EQ(first.mu[column], static_cast<float>(column) + 1.0F);
  }
  const SecondPass second = run_second(source, first, 2);
  const std::vector<float> of_column{6, -1, -1, -1, -1, -1, -1};
  const auto* const centered = reinterpret_cast<const float*>(centered_.data());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    ASSERT_EQ(centered[i], of_column[i / wide.columns]) << i;
  }
  EXPECT_EQ(second.gamma_squares, squares);  // integers below 2^53
  EXPECT_EQ(second.centered_squares[0], 36.0 * wide.columns);
  EXPECT_EQ(second.centered_squares[6], 1.0 * wide.columns);
  EXPECT_EQ(second.residual_norm, 0.0);
}

TEST_F(PassesTest, ADeviceChangesNothingWhateverTheThreads) {
  for (const Shape& shape : {tall, wide}) {
    write_hostile_values(shape);
    const FileSource source(path_);
    const FirstPass first = run_first(source, 1);
    const SecondPass second = run_second(source, first, 1);
    for (unsigned threads = 1; threads <= 9; ++threads) {
      const SecondPass other = run_second_on_device(source, first, threads);
      expect_same_files(other, second);
      EXPECT_EQ(other.residual_norm, second.residual_norm);
      for (std::size_t row = 0; row < shape.rows; ++row) {
        expect_near(other.gamma_squares[row], second.gamma_squares[row]);
        expect_near(other.centered_squares[row], second.centered_squares[row]);
      }
    }
  }
}

TEST_F(PassesTest, AThreadHasTwoBlocksInHandOnADevice) {
  CountingArithmetic::in_hand = 0;
  CountingArithmetic::most_in_hand = 0;
  const FileSource source(path_);
  const FirstPass first = run_first(source, 1);
  matrix::Module module = *gamma_extract_matrix();
  module.make_arithmetic =
      [](const Device& /*device*/) noexcept -> std::unique_ptr<matrix::Arithmetic> {
    return std::make_unique<CountingArithmetic>();
  };
  SecondPassOptions options;
  options.device = {.kind = Device::Kind::cuda};
  options.module = &module;
  second_pass({&source, &matrix_}, layout_, first, options, observer_);
  EXPECT_EQ(CountingArithmetic::most_in_hand, 2);
  EXPECT_EQ(CountingArithmetic::in_hand, 0);
}

TEST_F(PassesTest, AFileThatChangesBetweenThePasses) {
  const FileSource source(path_);
  const FirstPass first = run_first(source, 2);
  values_.at(2UL * 1024 * some.columns) += 1;  // in the last block
  write(values_);
  EXPECT_FAULT(run_second(source, first, 1), file_changed);
  EXPECT_FAULT(run_second(source, first, 2), file_changed);
  EXPECT_FAULT(run_second_on_device(source, first, 1), file_changed);
  EXPECT_FAULT(run_second_on_device(source, first, 2), file_changed);
  try {
    run_second(source, first, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("(something in rows 2048 to 2499 is not what it was"),
              std::string::npos)
        << error.what();
  }
}

// Nobody waits for a turn that does not come, and nothing is written after that.
TEST_F(PassesTest, AWriteThatFails) {
  write_hostile_values(tall);
  const FileSource source(path_);
  const FirstPass first = run_first(source, 1);
  const matrix::Module module = module_on_the_cpu();
  for (const Device::Kind kind : {Device::Kind::cpu, Device::Kind::cuda}) {
    for (unsigned threads = 1; threads <= 4; ++threads) {
      std::atomic<int> writes{0};
      std::atomic<bool> ended{false};
      SecondPassOptions options;
      options.threads = threads;
      options.device = {.kind = kind};
      options.module = &module;
      options.gamma = [&](std::uint64_t, std::span<const std::byte>) {
        EXPECT_FALSE(ended);
        if (++writes == 9) throw std::runtime_error("the ninth write");
      };
      EXPECT_THROW(second_pass({&source, &matrix_}, layout_, first, options, observer_),
                   std::runtime_error);
      ended = true;
    }
  }
}

TEST_F(PassesTest, AFileThatIsCutBetweenThePasses) {
  const FileSource source(path_);
  const FirstPass first = run_first(source, 2);
  std::filesystem::resize_file(path_, values_.size() * sizeof(float) - 1);
  EXPECT_FAULT(run_second(source, first, 2), file_truncated);
  EXPECT_FAULT(run_first(source, 2), file_truncated);
}

TEST_F(PassesTest, TheFirstNonfiniteValueIsNamed) {
  values_.at(7) = std::numeric_limits<float>::infinity();                     // row 2
  values_.at(2000 * some.columns) = std::numeric_limits<float>::quiet_NaN();  // another block
  write(values_);
  const FileSource source(path_);
  try {
    run_first(source, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::value_nonfinite);
    EXPECT_NE(std::string(error.what()).find("2 values are NaN or infinite, the first in row 2;"),
              std::string::npos)
        << error.what();
  }
  EXPECT_EQ(run_first(source, 3, true).nonfinite, 2U);
}

TEST_F(PassesTest, ADifferenceBeyondFloat32IsNamed) {
  const float largest = std::numeric_limits<float>::max();
  for (std::size_t row = 0; row < some.rows; ++row) values_.at(row * some.columns + 1) = -largest;
  values_.at(2 * some.columns + 1) = largest;
  write(values_);
  const FileSource source(path_);
  const FirstPass first = run_first(source, 2);
  try {
    run_second(source, first, 2);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::value_overflow);
    EXPECT_NE(std::string(error.what()).find("row 2, column 1"), std::string::npos) << error.what();
  }
}

TEST_F(PassesTest, AStopIsNoticed) {
  const FileSource source(path_);
  const FirstPass first = run_first(source, 1);
  stop_.request(2);
  EXPECT_THROW(run_first(source, 2), Stopped);
  EXPECT_THROW(run_second(source, first, 2), Stopped);
  EXPECT_THROW(run_second_on_device(source, first, 2), Stopped);
}

}  // namespace
}  // namespace gamma_extract
