#ifndef GAMMA_EXTRACT_PLAN_H_
#define GAMMA_EXTRACT_PLAN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "block_layout.h"
#include "block_reader.h"
#include "gamma_extract/checkpoint.h"
#include "gamma_extract/extract_options.h"
#include "gamma_extract/model_location.h"
#include "gamma_extract/model_name.h"
#include "gamma_extract/observer.h"
#include "gamma_extract/output_set.h"
#include "gamma_extract/safetensors.h"
#include "gamma_extract/unembedding.h"
#include "output_files.h"

/// What is known before any arithmetic: the input, the names of the output, and that nothing stands
/// in the way. Whatever can be refused before the arithmetic is refused here, before anything is
/// created.
namespace gamma_extract {

class Plan {
 public:
  /// Finds the matrix and looks at the output directory. Throws what model_location.h,
  /// checkpoint.h, unembedding.h, model_name.h, safetensors.h, source.h and output_set.h say, and
  /// output_is_input.
  /// `options` and `observer` must outlive this.
  Plan(const ExtractOptions& options, const Observer& observer);

  [[nodiscard]] const Choice& choice() const noexcept { return choice_; }
  [[nodiscard]] const ModelName& name() const noexcept { return name_; }
  [[nodiscard]] const StoredMatrix& matrix() const noexcept { return matrix_; }
  [[nodiscard]] const BlockLayout& layout() const noexcept { return layout_; }

  [[nodiscard]] MatrixSource source() const noexcept {
    return {.shard = shard_->source.get(), .matrix = &matrix_};
  }
  /// The embedding that is to be compared with the head that was taken, if any.
  [[nodiscard]] std::optional<MatrixSource> compared() const noexcept;

  /// Tells the sources what will be read of them. From here on work is under way.
  void prepare() const;

  /// The element type of a file, its key, and the bytes of its data.
  [[nodiscard]] safetensors::Dtype dtype(File file) const noexcept;
  [[nodiscard]] std::uint64_t data_bytes(File file) const noexcept;

  /// The first bytes of a file.
  [[nodiscard]] std::string header(File file, const std::string& mu_sha256,
                                   const std::string& data_xxh3) const;

  /// Names and exact sizes, in the order of File.
  [[nodiscard]] std::vector<PlannedFile> planned_files() const;

  /// Throws output_exists where files that are there may not be replaced.
  void require_replaceable(const std::optional<std::string>& mu_sha256) const;

  /// Throws file_changed unless all files that were read are what they were.
  void require_unchanged() const;

 private:
  void open_compared(const std::string& embedding, const Observer& observer);
  void require_writable(const std::filesystem::path& directory) const;
  [[nodiscard]] Labels labels(const std::string& mu_sha256) const;

  const ExtractOptions& options_;
  ModelLocation location_;
  Checkpoint checkpoint_;
  Choice choice_;
  ModelName name_;
  std::shared_ptr<const Shard> shard_;
  StoredMatrix matrix_;
  BlockLayout layout_;
  std::array<std::string, all_files.size()> file_names_;
  std::shared_ptr<const Shard> compared_shard_;
  std::optional<StoredMatrix> compared_matrix_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_PLAN_H_
