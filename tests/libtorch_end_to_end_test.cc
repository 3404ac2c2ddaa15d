#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "extraction.h"

// The program with libtorch in a module: it is loaded where a device is asked for, and not else.

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::Outcome;
using testing::Program;
using testing::run_program;
using testing::TemporaryDirectory;

/// What the dynamic loader says of the libraries that a run looked for.
std::string libraries_of(const std::vector<std::string>& arguments, int exit_code) {
  const TemporaryDirectory directory;
  const Outcome outcome = run_program(arguments, [&] {
    ::setenv("LD_DEBUG", "libs", 1);
    ::setenv("LD_DEBUG_OUTPUT", (directory / "libraries").c_str(), 1);
  });
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
  std::string text;
  for (const auto& entry : fs::directory_iterator(directory.path())) {
    text += testing::read_file(entry.path());
  }
  return text;
}

void expect_no_libtorch(const std::vector<std::string>& arguments, int exit_code) {
  const std::string libraries = libraries_of(arguments, exit_code);
  EXPECT_NE(libraries.find("libc.so"), std::string::npos) << "the loader said nothing";
  EXPECT_EQ(libraries.find("libtorch"), std::string::npos) << arguments.front();
}

TEST(LibtorchEndToEndTest, IsNotLoadedForARefusalOrAnInspection) {
  const TemporaryDirectory directory;
  const std::string out = (directory / "out").string();
  const std::string model = testing::checkpoint("llama-untied-f32").string();
  expect_no_libtorch({"--help"}, 0);
  expect_no_libtorch({"--version"}, 0);
  expect_no_libtorch({"inspect", model}, 0);
  expect_no_libtorch({"--modle", model}, 2);
  expect_no_libtorch({"--model", (directory / "nothing").string(), "--out", out}, 3);
}

TEST(LibtorchEndToEndTest, IsNotLoadedOnTheCpu) {
  const TemporaryDirectory directory;
  const std::string out = (directory / "out").string();
  const std::string model = testing::checkpoint("llama-untied-f32").string();
  for (const std::string device : {"auto", "cpu"}) {
    expect_no_libtorch({"--model", model, "--out", out, "--quiet", "--device", device}, 0);
  }
  expect_no_libtorch({"verify", out}, 0);
  // The files of another model, by their metadata.
  expect_no_libtorch(
      {"--model", testing::checkpoint("qwen3-tied-f16").string(), "--out", out, "--quiet"}, 4);
}

// What can be refused without it is, also where a device is asked for.
TEST(LibtorchEndToEndTest, IsNotLoadedForARefusalBeforeTheDeviceIsNeeded) {
  const TemporaryDirectory directory;
  const std::string out = (directory / "out").string();
  const std::string model = testing::checkpoint("llama-untied-f32").string();
  const std::vector<std::string> on_device{"--device", "cuda", "--out", out, "--model"};
  const auto expect_refused = [&](const std::vector<std::string>& further, int exit_code) {
    std::vector<std::string> arguments = on_device;
    arguments.insert(arguments.end(), further.begin(), further.end());
    expect_no_libtorch(arguments, exit_code);
  };
  expect_refused({(directory / "nothing").string()}, 3);
  expect_refused({model, "--dtype", "float8"}, 2);
  expect_refused({model, "--check", (directory / "nothing.json").string()}, 3);
  testing::expect_success(run_program({"--model", model, "--out", out, "--quiet"}));
  expect_refused({testing::checkpoint("qwen3-tied-f16").string()}, 4);
}

TEST(LibtorchEndToEndTest, IsLoadedWithItsCudaHalfWhereADeviceIsAskedFor) {
  const std::string model = testing::checkpoint("llama-untied-f32").string();
  ::setenv("CUDA_VISIBLE_DEVICES", "-1", 1);
  const std::string libraries = libraries_of({"--model", model, "--json", "--device", "cuda"}, 2);
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_NE(libraries.find("libtorch_cpu"), std::string::npos);
  EXPECT_NE(libraries.find("libtorch_cuda"), std::string::npos);
}

/// A copy of the program, and beside it what stands for its module.
class ModuleEndToEndTest : public ::testing::Test {
 protected:
  ModuleEndToEndTest() {
    fs::create_directory(directory_ / "bin");
    fs::copy_file(testing::program_path, directory_ / "bin/gamma-extract");
  }
  [[nodiscard]] fs::path module() const { return directory_ / "bin/gamma-extract-matrix.so"; }
  void expect_refused(std::initializer_list<std::string_view> parts, int code = 2,
                      const std::string& device = "cuda") const {
    const fs::path out = directory_ / "out";
    Program program(directory_ / "bin/gamma-extract",
                    {"--model", testing::checkpoint("llama-untied-f32").string(), "--out",
                     (out / "deep").string(), "--device", device});
    testing::expect_refused(program.wait(), code, parts);
    EXPECT_FALSE(fs::exists(out));
  }

 private:
  TemporaryDirectory directory_;
};

TEST_F(ModuleEndToEndTest, Missing) {
  expect_refused({"gamma-extract-matrix.so", "reinstall"});
}

TEST_F(ModuleEndToEndTest, NoLibrary) {
  testing::write_file(module(), std::string(4096, 'x'));
  expect_refused({"gamma-extract-matrix.so", "invalid ELF header", "reinstall"});
}

TEST_F(ModuleEndToEndTest, OfAnotherVersion) {
  fs::copy_file(OLD_MODULE, module());
  expect_refused({"gamma-extract-matrix.so", "version", "reinstall"});
}

TEST_F(ModuleEndToEndTest, WhoseFiguresAreWrongFailsTheRunsOwnCheck) {
  fs::copy_file(FAULTY_MODULE, module());
  expect_refused({"llama-untied-f32", "the run's own check failed", "nothing was written"}, 1);
}

TEST_F(ModuleEndToEndTest, WhoseDeviceHasNoMemory) {
  fs::copy_file(FAULTY_MODULE, module());
  expect_refused({"cuda:1: not enough memory", "--threads", "--device cpu"}, 3, "cuda:1");
}

TEST_F(ModuleEndToEndTest, WhoseDeviceFails) {
  fs::copy_file(FAULTY_MODULE, module());
  expect_refused({"cuda:2: the device failed (an illegal address)", "--device cpu"}, 2, "cuda:2");
}

}  // namespace
}  // namespace gamma_extract
