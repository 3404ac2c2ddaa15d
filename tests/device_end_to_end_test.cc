#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "extraction.h"

// --device: on a machine without a CUDA device what is refused, and on one with the files.

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::Json;
using testing::Outcome;
using testing::OutputFiles;
using testing::run_program;
using testing::TemporaryDirectory;

const std::string slug = "llama_untied_f32";

std::vector<std::string> extraction_to(const fs::path& out, const std::string& device) {
  return {"--model",  testing::checkpoint("llama-untied-f32").string(),
          "--out",    out.string(),
          "--device", device,
          "--json"};
}

/// As on a machine without a device, whatever this one has.
void hide_devices() {
  ::setenv("CUDA_VISIBLE_DEVICES", "-1", 1);
}

TEST(DeviceEndToEndTest, AutoIsTheCpuAndTheReportSaysSo) {
  const TemporaryDirectory directory;
  const Outcome by_rule = run_program(extraction_to(directory / "auto", "auto"));
  testing::expect_success(by_rule);
  EXPECT_EQ(Json::parse(by_rule.out).at("device"), "cpu");
  const Outcome on_cpu = run_program(extraction_to(directory / "cpu", "cpu"));
  testing::expect_success(on_cpu);
  EXPECT_EQ(Json::parse(on_cpu.out).at("device"), "cpu");
  EXPECT_EQ(OutputFiles(directory / "auto", slug).bytes(),
            OutputFiles(directory / "cpu", slug).bytes());
}

TEST(DeviceEndToEndTest, AnUnavailableOneIsRefusedBeforeAnythingIsCreated) {
  const TemporaryDirectory directory;
  for (const std::string device : {"cuda", "cuda:0", "cuda:9", "cuda:4000000000"}) {
    const Outcome outcome =
        run_program(extraction_to(directory / "out/deep", device), hide_devices);
    const std::string name = device == "cuda" ? "cuda:0" : device;
    testing::expect_refused(outcome, 2, {name + ": ", "--device cpu"});
    EXPECT_FALSE(fs::exists(directory / "out"));
  }
}

// The first pass would refuse the matrix (3), after it had read all of it.
TEST(DeviceEndToEndTest, IsAskedBeforeTheMatrixIsRead) {
  const std::vector<std::string> arguments{
      "--model", std::string(TEST_DATA) + "/hostile/nan.safetensors", "--tensor", "w", "--json"};
  std::vector<std::string> with_device = arguments;
  with_device.insert(with_device.end(), {"--device", "cuda"});
  EXPECT_EQ(run_program(arguments, hide_devices).exit_code, 3);
  testing::expect_refused(run_program(with_device, hide_devices), 2, {"cuda:0"});
}

TEST(DeviceEndToEndTest, AWordThatIsNoDeviceIsAUsageError) {
  const TemporaryDirectory directory;
  for (const std::string device : {"gpu", "cuda:x", "cuda:", "cpu:0"}) {
    testing::expect_refused(run_program(extraction_to(directory / "out", device)), 2,
                            {"--device " + device, "give auto, cpu, cuda"});
    EXPECT_FALSE(fs::exists(directory / "out"));
  }
}

// Needs a CUDA device, and a libtorch for it.
TEST(CudaEndToEndTest, GivesTheSameFilesAndFigures) {
  const TemporaryDirectory directory;
  const std::vector<std::string> on_device = extraction_to(directory / "cuda", "cuda");
  const Outcome first = run_program(on_device);
  if (first.exit_code == 2) GTEST_SKIP() << "no CUDA device can be used here: " << first.err;
  testing::expect_success(first);
  EXPECT_EQ(Json::parse(first.out).at("device"), "cuda:0");

  testing::write_file(directory / "report.json", first.out);
  std::vector<std::string> on_cpu = extraction_to(directory / "cpu", "cpu");
  on_cpu.insert(on_cpu.end(), {"--check", (directory / "report.json").string()});
  testing::expect_success(run_program(on_cpu));
  EXPECT_EQ(OutputFiles(directory / "cuda", slug).bytes(),
            OutputFiles(directory / "cpu", slug).bytes());
}

}  // namespace
}  // namespace gamma_extract
