#include "matrix_faults.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "gamma_extract/error.h"

namespace gamma_extract {
namespace {

using matrix::DeviceAnswer;
using matrix::DeviceState;
using matrix::Status;

constexpr Device second_gpu{.kind = Device::Kind::cuda, .index = 1};

// What a module answers, for want of a device that does; a function pointer holds no state.
template <DeviceState state>
DeviceAnswer answers(const Device& /*device*/) noexcept {
  DeviceAnswer answer{.state = state, .count = 1};
  std::ranges::copy(std::string_view("as libtorch says"), answer.words.begin());
  return answer;
}

template <DeviceState state>
std::pair<Fault, std::string> refusal() {
  const matrix::Module module{.version = "",
                              .libtorch = "1.2.3",
                              .open_device = answers<state>,
                              .make_arithmetic = nullptr};
  try {
    require_device(module, second_gpu);
  } catch (const Error& error) {
    return {error.fault(), error.what()};
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

void expect_words(const std::string& text, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks " << part;
  }
}

TEST(RequireDeviceTest, AUsableOneIsNotRefused) {
  const matrix::Module module{.version = "",
                              .libtorch = "",
                              .open_device = answers<DeviceState::usable>,
                              .make_arithmetic = nullptr};
  EXPECT_NO_THROW(require_device(module, second_gpu));
}

TEST(RequireDeviceTest, ALibtorchWithoutCudaIsNamed) {
  const auto [fault, text] = refusal<DeviceState::no_cuda>();
  EXPECT_EQ(fault, Fault::device_unavailable);
  expect_words(text, {"cuda:1", "libtorch 1.2.3", "as libtorch says", "--device cpu"});
}

TEST(RequireDeviceTest, NoDeviceAtAll) {
  const auto [fault, text] = refusal<DeviceState::none>();
  EXPECT_EQ(fault, Fault::device_unavailable);
  expect_words(text, {"cuda:1", "as libtorch says", "--device cpu", "nvidia-smi"});
}

TEST(RequireDeviceTest, ANumberTooLargeTellsHowManyThereAre) {
  const auto [fault, text] = refusal<DeviceState::no_such_device>();
  EXPECT_EQ(fault, Fault::device_unavailable);
  expect_words(text, {"cuda:1", "libtorch sees 1,", "cuda:0", "--device cpu"});
}

TEST(RequireDeviceTest, OneThatCannotCompute) {
  const auto [fault, text] = refusal<DeviceState::failed>();
  EXPECT_EQ(fault, Fault::device_unavailable);
  expect_words(text, {"cuda:1", "as libtorch says", "--device cpu"});
}

TEST(RequireDeviceTest, OneThatIsFull) {
  const auto [fault, text] = refusal<DeviceState::out_of_memory>();
  EXPECT_EQ(fault, Fault::out_of_memory);
  expect_words(text, {"cuda:1", "--device cpu"});
}

class SilentArithmetic final : public matrix::Arithmetic {
 public:
  Status start(const StoredBlock& /*block*/, std::span<const float> /*mu*/,
               matrix::Products& /*products*/) noexcept override {
    return Status::ok;
  }
  Status finish() noexcept override { return Status::ok; }
  [[nodiscard]] const char* message() const noexcept override { return "its words"; }
};

Error error_of(Status status, const Device& device) {
  try {
    require_ok(status, SilentArithmetic(), device);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was refused";
  return {Fault::usage, ""};
}

TEST(RequireOkTest, OnTheCpu) {
  EXPECT_NO_THROW(require_ok(Status::ok, SilentArithmetic(), Device()));
  const Error full = error_of(Status::out_of_memory, Device());
  EXPECT_EQ(full.fault(), Fault::out_of_memory);
  expect_words(full.what(), {"--threads"});
}

TEST(RequireOkTest, OnADevice) {
  EXPECT_NO_THROW(require_ok(Status::ok, SilentArithmetic(), second_gpu));
  const Error full = error_of(Status::out_of_memory, second_gpu);
  EXPECT_EQ(full.fault(), Fault::out_of_memory);
  expect_words(full.what(), {"cuda:1", "--threads", "--device cpu"});
  const Error failed = error_of(Status::failed, second_gpu);
  EXPECT_EQ(failed.fault(), Fault::device_unavailable);
  expect_words(failed.what(), {"cuda:1", "its words", "--device cpu"});
}

TEST(MakeArithmeticTest, NoneForWantOfMemory) {
  const matrix::Module module{.version = "",
                              .libtorch = "",
                              .open_device = nullptr,
                              .make_arithmetic = [](const Device& /*device*/) noexcept {
                                return std::unique_ptr<matrix::Arithmetic>();
                              }};
  try {
    make_arithmetic(module, second_gpu);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::out_of_memory);
  }
}

}  // namespace
}  // namespace gamma_extract
