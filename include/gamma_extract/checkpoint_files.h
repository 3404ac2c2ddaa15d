#ifndef GAMMA_EXTRACT_CHECKPOINT_FILES_H_
#define GAMMA_EXTRACT_CHECKPOINT_FILES_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "gamma_extract/source.h"

/// The files of a checkpoint, by name, wherever they are: in a directory, or on the Hub.
namespace gamma_extract {

class CheckpointFiles {
 public:
  CheckpointFiles() = default;
  CheckpointFiles(const CheckpointFiles&) = delete;
  CheckpointFiles& operator=(const CheckpointFiles&) = delete;
  virtual ~CheckpointFiles() = default;

  /// What a message calls the whole: the directory, or the model's id.
  [[nodiscard]] virtual const std::filesystem::path& path() const noexcept = 0;
  /// The file on the disk, or what a message calls one that is not there.
  [[nodiscard]] virtual std::filesystem::path path_of(const std::string& name) const = 0;

  /// The whole of a small text file such as config.json; nothing where there is no such file.
  /// Throws `too_large` if it has more than `limit` bytes.
  [[nodiscard]] virtual std::optional<std::string> find_text(const std::string& name,
                                                             std::uint64_t limit,
                                                             Fault too_large) const = 0;
  /// A file, open; null where there is no such file.
  [[nodiscard]] virtual std::unique_ptr<const Source> find(const std::string& name) const = 0;

  /// The names of all files, to tell what is there instead of what is missing.
  [[nodiscard]] virtual std::set<std::string> names() const = 0;
  /// What to do where a file is missing: the end of a message. Empty: look at the directory.
  [[nodiscard]] virtual const std::string& remedy() const noexcept = 0;
};

/// The files of a directory. Names may lead into directories below it, and links out of it.
class DirectoryFiles final : public CheckpointFiles {
 public:
  explicit DirectoryFiles(std::filesystem::path directory, std::string remedy = "")
      : directory_(std::move(directory)), remedy_(std::move(remedy)) {}

  [[nodiscard]] const std::filesystem::path& path() const noexcept override { return directory_; }
  [[nodiscard]] std::filesystem::path path_of(const std::string& name) const override {
    return directory_ / name;
  }
  /// Throws what FileSource throws; a dangling link is named, and what it leads to is not.
  [[nodiscard]] std::optional<std::string> find_text(const std::string& name, std::uint64_t limit,
                                                     Fault too_large) const override;
  [[nodiscard]] std::unique_ptr<const Source> find(const std::string& name) const override;
  /// Throws file_unreadable where the directory cannot be listed.
  [[nodiscard]] std::set<std::string> names() const override;
  [[nodiscard]] const std::string& remedy() const noexcept override { return remedy_; }

 private:
  std::filesystem::path directory_;
  std::string remedy_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_CHECKPOINT_FILES_H_
