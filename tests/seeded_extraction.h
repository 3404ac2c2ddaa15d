#ifndef GAMMA_EXTRACT_SEEDED_EXTRACTION_H_
#define GAMMA_EXTRACT_SEEDED_EXTRACTION_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "run_program.h"
#include "seeded_checkpoint.h"
#include "temporary_directory.h"

namespace gamma_extract::testing {

/// The files of a run on a directory called `model`, in the order in which they get their names.
inline const std::vector<std::string> file_names{
    "gamma_model.safetensors", "gamma_centroid_mu.safetensors", "gamma_centered_model.safetensors"};

/// Runs of the real program from a seeded checkpoint, which each test writes in the size that it
/// needs, into one output directory.
class SeededExtractionTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> arguments(
      const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"--model", model_.string(), "--out", out_.string(), "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  /// A run that is in nobody's way.
  void extract(const std::vector<std::string>& more = {}) const {
    const Outcome outcome = run_program(arguments(more));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }

  /// The same file names with other values.
  void write_old_files(std::uint64_t rows = 64) {
    const std::filesystem::path model = std::exchange(model_, directory_ / "old" / "model");
    write_seeded_checkpoint(model_, rows, 2);
    extract();
    model_ = model;
  }

  /// What stands under each of the three names; a missing one is left out.
  [[nodiscard]] std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> files;
    for (const auto& name : file_names) {
      if (std::filesystem::exists(out_ / name)) files[name] = read_file(out_ / name);
    }
    return files;
  }

  TemporaryDirectory directory_;
  std::filesystem::path model_ = directory_ / "model";
  std::filesystem::path out_ = directory_ / "out";
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_SEEDED_EXTRACTION_H_
