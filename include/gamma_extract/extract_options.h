#ifndef GAMMA_EXTRACT_EXTRACT_OPTIONS_H_
#define GAMMA_EXTRACT_EXTRACT_OPTIONS_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "gamma_extract/device.h"
#include "gamma_extract/model_location.h"

/// What a run of the main job is asked to do: the command line's options as values.
namespace gamma_extract {

enum class OutputDtype : std::uint8_t { float32, source };

struct ExtractOptions {
  ModelOptions model;                        ///< where the checkpoint is
  std::optional<std::filesystem::path> out;  ///< nothing: compute and report, write no files
  std::optional<std::string> tensor;         ///< nothing: by the rules
  std::optional<std::string> slug;           ///< nothing: from the model's name
  OutputDtype dtype = OutputDtype::float32;  ///< of the gamma file
  Device device;                             ///< where the second pass computes
  unsigned threads = 0;                      ///< 0: as many as the process may use
  std::optional<std::string> check;  ///< a reference: its file, or the name of a built-in one
  bool force = false;                ///< replace files of another model, or without metadata
  bool metadata = true;              ///< label the files
  bool allow_nonfinite = false;
  bool fsync = false;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_EXTRACT_OPTIONS_H_
