#ifndef GAMMA_EXTRACT_HUB_FILES_H_
#define GAMMA_EXTRACT_HUB_FILES_H_

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "gamma_extract/checkpoint_files.h"
#include "hub_access.h"

namespace gamma_extract {

/// The files of a commit of a model: from the cache of Hugging Face's client where that has them,
/// else from the program's own, else from the Hub, which is asked for no more than is read.
///
/// Of a safetensors file nothing is fetched but its header, until a tensor of it is wanted. For one
/// thread.
class HubFiles final : public CheckpointFiles {
 public:
  /// `snapshot` is where Hugging Face's cache has the commit, or would have it. `remedy` is what to
  /// do where a file is missing.
  HubFiles(std::shared_ptr<HubAccess> hub, std::filesystem::path snapshot, std::string remedy);

  /// The snapshot where there is one, else the id.
  [[nodiscard]] const std::filesystem::path& path() const noexcept override { return path_; }
  [[nodiscard]] std::filesystem::path path_of(const std::string& name) const override;

  /// Throws what read_text and HubClient throw.
  [[nodiscard]] std::optional<std::string> find_text(const std::string& name, std::uint64_t limit,
                                                     Fault too_large) const override;
  /// Throws what FileSource and HubClient throw. A header that breaks a rule is not judged here.
  [[nodiscard]] std::unique_ptr<const Source> find(const std::string& name) const override;
  [[nodiscard]] std::set<std::string> names() const override;
  [[nodiscard]] const std::string& remedy() const noexcept override { return remedy_; }

 private:
  [[nodiscard]] bool is_here(const std::string& name) const;
  [[nodiscard]] bool is_absent(const std::string& name) const;
  [[nodiscard]] std::optional<HubText> fetch_text(const std::string& name, std::uint64_t limit,
                                                  Fault too_large) const;
  [[nodiscard]] std::string fetch_header(const HubFile& file) const;

  std::shared_ptr<HubAccess> hub_;
  std::filesystem::path snapshot_;
  std::filesystem::path path_;
  std::string remedy_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HUB_FILES_H_
