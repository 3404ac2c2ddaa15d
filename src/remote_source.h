#ifndef GAMMA_EXTRACT_REMOTE_SOURCE_H_
#define GAMMA_EXTRACT_REMOTE_SOURCE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gamma_extract/source.h"
#include "hub_access.h"

namespace gamma_extract {

/// A safetensors file on the Hub: its header is here, and of its data what was asked for.
class RemoteSource final : public Source {
 public:
  /// `header` is the beginning of the file.
  RemoteSource(std::shared_ptr<const HubAccess> hub, HubFile file, std::string header);
  ~RemoteSource() override;

  [[nodiscard]] const std::filesystem::path& path() const noexcept override { return path_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return file_.size; }

  /// Begins to fetch. Throws what PieceStore throws.
  void prepare(std::uint64_t offset, std::uint64_t bytes) const override;

  /// Waits for what is under way. Throws what Download::check throws. Reads nothing but the header
  /// and what was prepared.
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const override;

  /// A commit's file does not change, and each of its pieces was checked.
  void require_unchanged() const override {}

 private:
  struct Range;
  [[nodiscard]] Range& range(std::uint64_t begin, std::uint64_t end) const;

  std::shared_ptr<const HubAccess> hub_;
  HubFile file_;
  std::string header_;
  std::filesystem::path path_;
  mutable std::vector<std::unique_ptr<Range>> ranges_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_REMOTE_SOURCE_H_
