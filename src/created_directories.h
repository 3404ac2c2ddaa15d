#ifndef GAMMA_EXTRACT_CREATED_DIRECTORIES_H_
#define GAMMA_EXTRACT_CREATED_DIRECTORIES_H_

#include <filesystem>
#include <vector>

/// The directories that a run makes on the way to its output, so that one which fails can remove
/// them again: those and no others.
namespace gamma_extract {

class CreatedDirectories {
 public:
  CreatedDirectories() = default;
  CreatedDirectories(const CreatedDirectories&) = delete;
  CreatedDirectories& operator=(const CreatedDirectories&) = delete;
  /// Unless kept, removes the directories that are empty, the deepest first.
  ~CreatedDirectories();

  /// Creates `path` and the parents that are missing, with mode 0777 less the umask. Returns 0,
  /// also where `path` exists, or what errno says.
  int create(const std::filesystem::path& path);

  void keep() noexcept { kept_ = true; }

  [[nodiscard]] const std::vector<std::filesystem::path>& paths() const noexcept { return paths_; }

 private:
  std::vector<std::filesystem::path> paths_;
  bool kept_ = false;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_CREATED_DIRECTORIES_H_
