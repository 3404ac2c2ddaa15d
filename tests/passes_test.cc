#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
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

constexpr std::uint64_t rows = 2500;  // three blocks of 1,024 rows
constexpr std::uint64_t columns = 3;

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
  PassesTest() : values_(rows * columns) {
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = static_cast<float>(i % 17) / 8;
    write(values_);
    matrix_.tensor = {.name = "w",
                      .dtype = safetensors::Dtype::F32,
                      .shape = {rows, columns},
                      .offset = 0,
                      .bytes = values_.size() * sizeof(float)};
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

  SecondPass run_second(const Source& source, const FirstPass& first, unsigned threads) {
    SecondPassOptions options;
    options.threads = threads;
    return second_pass({&source, &matrix_}, layout_, first, options, observer_);
  }

  /// As for a CUDA device, with two blocks in hand, but on the CPU.
  SecondPass run_second_on_device(const Source& source, const FirstPass& first, unsigned threads) {
    matrix::Module module = *gamma_extract_matrix();
    module.make_arithmetic = [](const Device& /*device*/) noexcept {
      return matrix::make_device_arithmetic(Device());
    };
    SecondPassOptions options;
    options.threads = threads;
    options.device = {.kind = Device::Kind::cuda};
    options.module = &module;
    options.centered = [this](std::uint64_t offset, std::span<const std::byte> bytes) {
      std::ranges::copy(bytes, written_.begin() + static_cast<std::ptrdiff_t>(offset));
    };
    return second_pass({&source, &matrix_}, layout_, first, options, observer_);
  }

  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "matrix";
  std::vector<float> values_;
  StoredMatrix matrix_;
  BlockLayout layout_{rows, columns};
  StopFlag stop_;
  Progress progress_;
  Observer observer_{.stop = stop_, .progress = progress_, .warn = {}};
  std::vector<std::byte> written_ = std::vector<std::byte>(rows * columns * sizeof(float));
};

TEST_F(PassesTest, ThreadsChangeNothing) {
  const FileSource source(path_);
  const FirstPass first = run_first(source, 1);
  const SecondPass second = run_second(source, first, 1);
  for (unsigned threads = 2; threads <= 9; ++threads) {
    const FirstPass other = run_first(source, threads);
    EXPECT_EQ(other.mu, first.mu);
    EXPECT_EQ(other.checksums, first.checksums);
    const SecondPass again = run_second(source, other, threads);
    EXPECT_EQ(again.gamma_squares, second.gamma_squares);
    EXPECT_EQ(again.centered_squares, second.centered_squares);
    EXPECT_EQ(again.gamma_xxh3, second.gamma_xxh3);
    EXPECT_EQ(again.centered_xxh3, second.centered_xxh3);
    EXPECT_EQ(again.residual_norm, second.residual_norm);
  }
}

TEST_F(PassesTest, ADeviceChangesNothingWhateverTheThreads) {
  for (std::size_t i = 0; i < values_.size(); ++i)
    values_[i] = std::ldexp(1.1F, -static_cast<int>(i % 50));
  write(values_);
  const FileSource source(path_);
  const FirstPass first = run_first(source, 1);
  const SecondPass second = run_second(source, first, 1);
  for (unsigned threads = 1; threads <= 9; ++threads) {
    const SecondPass other = run_second_on_device(source, first, threads);
    EXPECT_EQ(other.gamma_xxh3, second.gamma_xxh3);
    EXPECT_EQ(other.centered_xxh3, second.centered_xxh3);
    EXPECT_EQ(other.residual_norm, second.residual_norm);
    for (std::size_t row = 0; row < rows; ++row) {
      EXPECT_DOUBLE_EQ(other.gamma_squares[row], second.gamma_squares[row]);
      EXPECT_DOUBLE_EQ(other.centered_squares[row], second.centered_squares[row]);
    }
    Xxh3Stream hash;
    hash.update(written_);
    EXPECT_EQ(hash.hex(), second.centered_xxh3);
  }
}

TEST_F(PassesTest, AThreadHasTwoBlocksInHandOnADevice) {
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

TEST_F(PassesTest, GammaIsHashedAsItIsStored) {
  const FileSource source(path_);
  Xxh3Stream hash;
  hash.update(std::as_bytes(std::span(values_)));
  EXPECT_EQ(run_second(source, run_first(source, 2), 2).gamma_xxh3, hash.hex());
}

TEST_F(PassesTest, AFileThatChangesBetweenThePasses) {
  const FileSource source(path_);
  const FirstPass first = run_first(source, 2);
  values_.at(2UL * 1024 * columns) += 1;  // in the last block
  write(values_);
  EXPECT_FAULT(run_second(source, first, 1), file_changed);
  EXPECT_FAULT(run_second(source, first, 2), file_changed);
  EXPECT_FAULT(run_second_on_device(source, first, 1), file_changed);
  EXPECT_FAULT(run_second_on_device(source, first, 2), file_changed);
}

TEST_F(PassesTest, AFileThatIsCutBetweenThePasses) {
  const FileSource source(path_);
  const FirstPass first = run_first(source, 2);
  std::filesystem::resize_file(path_, values_.size() * sizeof(float) - 1);
  EXPECT_FAULT(run_second(source, first, 2), file_truncated);
  EXPECT_FAULT(run_first(source, 2), file_truncated);
}

TEST_F(PassesTest, TheFirstNonfiniteValueIsNamed) {
  values_.at(7) = std::numeric_limits<float>::infinity();                // row 2
  values_.at(2000 * columns) = std::numeric_limits<float>::quiet_NaN();  // another block
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
  for (std::size_t row = 0; row < rows; ++row) values_.at(row * columns + 1) = -largest;
  values_.at(2 * columns + 1) = largest;
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
