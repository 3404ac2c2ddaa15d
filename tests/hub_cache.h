#ifndef GAMMA_EXTRACT_TESTS_HUB_CACHE_H_
#define GAMMA_EXTRACT_TESTS_HUB_CACHE_H_

#include <filesystem>
#include <functional>
#include <string>

#include "temporary_directory.h"

namespace gamma_extract::testing {

inline constexpr const char* first_commit = "cdbee75f17c01a7cc42f958dc650907174af0554";
inline constexpr const char* second_commit = "0123456789abcdef0123456789abcdef01234567";

/// A model in a cache of Hugging Face's client, laid out as the client does.
class CachedModel {
 public:
  /// `directory` is the name under which the cache has the model: `models--Org--Name`.
  explicit CachedModel(const std::filesystem::path& cache,
                       const std::string& directory = "models--Org--Name")
      : path_(cache / directory) {
    std::filesystem::create_directories(path_ / "blobs");
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path snapshot(const std::string& commit) const {
    return path_ / "snapshots" / commit;
  }
  [[nodiscard]] std::filesystem::path blob(const std::string& file) const {
    return path_ / "blobs" / std::to_string(std::hash<std::string>()(file));
  }

  void add_reference(const std::string& revision, const std::string& commit) const {
    write_file(path_ / "refs" / revision, commit);
  }
  /// Stores a file of a snapshot: the bytes as a blob, and in the snapshot a link to it.
  void add_file(const std::string& commit, const std::string& file, std::string_view bytes) const {
    write_file(blob(file), bytes);
    std::filesystem::create_directories(snapshot(commit));
    std::filesystem::create_symlink("../../blobs/" + blob(file).filename().string(),
                                    snapshot(commit) / file);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TESTS_HUB_CACHE_H_
