#ifndef GAMMA_EXTRACT_SET_FILES_H_
#define GAMMA_EXTRACT_SET_FILES_H_

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gamma_extract/checkpoint.h"
#include "gamma_extract/safetensors.h"
#include "gamma_extract/verify.h"
#include "output_files.h"

/// The files of one set, open, and what their headers alone say of it.
namespace gamma_extract {

/// One of the three.
struct SetFile {
  File file = gamma_file;
  std::string name;                    ///< within the directory
  std::unique_ptr<const Shard> shard;  ///< null where the file is missing or not valid
  /// Its one tensor. Nothing where it has another key, or is not alone.
  std::optional<safetensors::Tensor> tensor;

  [[nodiscard]] bool has_metadata() const {
    return shard != nullptr && shard->header.metadata_size() != 0;
  }
  /// The value of that key of its metadata, or nothing.
  [[nodiscard]] std::optional<std::string> label(std::string_view key) const;
};

/// The faults that a check has found, a clause each; none where it has passed.
using Faults = std::vector<std::string>;

/// Appends a check whose detail is its faults or, where there are none, `what_holds`.
void add_check(std::vector<Verification::Check>& checks, std::string name, const Faults& faults,
               std::string what_holds);

class SetFiles {
 public:
  /// Opens what is there. Throws file_unreadable and file_truncated.
  SetFiles(const std::filesystem::path& directory, const std::string& slug);

  [[nodiscard]] const SetFile& operator[](File file) const { return files_.at(file); }
  [[nodiscard]] const std::array<SetFile, all_files.size()>& all() const { return files_; }
  /// Whether any of them has metadata.
  [[nodiscard]] bool has_metadata() const;

  /// The model that the metadata names, gamma's before that of the others.
  [[nodiscard]] std::optional<std::string> model() const;

  /// The checks from `files` to `headers`, those that can be made.
  [[nodiscard]] std::vector<Verification::Check> check_headers() const;

  /// gamma, where it is a matrix of floating-point values.
  [[nodiscard]] const safetensors::Tensor* gamma() const;
  /// mu, where it fits that gamma.
  [[nodiscard]] const safetensors::Tensor* mu() const;
  /// gamma_centered, where it fits both.
  [[nodiscard]] const safetensors::Tensor* centered() const;

  /// Throws file_changed unless all files that were opened are what they were.
  void require_unchanged() const;

 private:
  void open(const std::filesystem::path& directory, SetFile& file);
  [[nodiscard]] Faults key_faults() const;
  [[nodiscard]] Faults dtype_faults() const;
  [[nodiscard]] Faults shape_faults() const;
  [[nodiscard]] Faults metadata_faults() const;
  [[nodiscard]] Faults header_faults() const;
  [[nodiscard]] std::string list(std::string (*text)(const safetensors::Tensor&)) const;

  std::array<SetFile, all_files.size()> files_;
  Faults missing_;
  Faults invalid_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_SET_FILES_H_
