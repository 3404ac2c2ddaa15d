#ifndef GAMMA_EXTRACT_FETCH_CACHE_H_
#define GAMMA_EXTRACT_FETCH_CACHE_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "gamma_extract/hub_environment.h"
#include "gamma_extract/observer.h"

/// The program's own cache: what was fetched from the Hub, so that it is never fetched again.
///
/// Hugging Face's cache holds whole files, and its client takes a file that exists for one that is
/// complete; a single tensor has no place there. So it has one here:
///
///     ROOT/CACHEDIR.TAG                             backups leave the directory out
///     ROOT/models--Org--Name/refs/REVISION          the commit that the Hub last named
///     ROOT/models--Org--Name/COMMIT/FILE.text       config.json, an index: whole
///                                   FILE.header     the first bytes of a shard
///                                   FILE.absent     the Hub says that there is no such file
///                                   FILE.BEGIN-END.pieces, .data    of one tensor (PieceStore)
///
/// An entry is one file: a line of JSON that says what it is, with the XXH3 of that and of the
/// bytes after it. It is written beside its name and renamed, so that a name holds a complete entry
/// or none. Names of files and revisions come from strangers: all but ASCII letters, digits, `_`,
/// `-` and `.` stands as %2F, a dot at the beginning too, so that no name leads out of its
/// directory; a long one is its sha256.
///
/// The cache is a convenience. A damaged entry counts as none and is replaced; where nothing can be
/// written the run goes on without keeping anything.
namespace gamma_extract {

/// GAMMA_EXTRACT_CACHE, else gamma-extract in XDG_CACHE_HOME or in ~/.cache; `~` expanded, an empty
/// variable counts as unset. It need not exist. Empty where there is no home directory.
std::filesystem::path fetch_cache_root(const Environment& environment);

/// The entries of one repo. Safe to use from several threads. Nothing is created before something
/// is saved. The first write that fails is warned of, and none is tried after it.
class FetchCache {
 public:
  /// `root` may be empty: then there is no cache, and the first save warns of it.
  FetchCache(std::filesystem::path root, const std::string& repo_id, Observer observer);

  /// False once a write has failed, and the user was told so.
  [[nodiscard]] bool keeps() const noexcept { return !failed_; }

  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
  /// Whether anything of that commit is here.
  [[nodiscard]] bool has(const std::string& commit) const;

  struct Ref {
    std::string commit;
    std::filesystem::file_time_type written;
  };
  /// What the Hub last named for a branch or tag, and when.
  [[nodiscard]] std::optional<Ref> ref(const std::string& revision) const;
  void save_ref(const std::string& revision, const std::string& commit);

  /// Whether anything of the model is there.
  [[nodiscard]] bool knows_model() const;

  struct Entry {
    std::string bytes;
    std::string etag;
    std::uint64_t file_bytes = 0;  ///< of the whole file on the Hub
  };
  /// A small file, whole.
  [[nodiscard]] std::optional<Entry> text(const std::string& commit, const std::string& file) const;
  void save_text(const std::string& commit, const std::string& file, const Entry& entry);

  /// The first bytes of a shard, as many as its header takes: 8 and what they say.
  [[nodiscard]] std::optional<Entry> header(const std::string& commit,
                                            const std::string& file) const;
  void save_header(const std::string& commit, const std::string& file, const Entry& entry);

  /// The Hub has another file there now, so that the header says nothing.
  void forget_header(const std::string& commit, const std::string& file);

  /// Whether the Hub has said that this commit has no such file.
  [[nodiscard]] bool is_absent(const std::string& commit, const std::string& file) const;
  void save_absent(const std::string& commit, const std::string& file);

  /// The base name for a PieceStore: bytes [begin, end) of a file. Nothing where there is no root.
  [[nodiscard]] std::optional<std::filesystem::path> pieces_path(const std::string& commit,
                                                                 const std::string& file,
                                                                 std::uint64_t begin,
                                                                 std::uint64_t end) const;

 private:
  struct Name {
    std::string_view kind;
    const std::string& commit;
    const std::string& file;
  };
  [[nodiscard]] std::filesystem::path ref_path(const std::string& revision) const;
  [[nodiscard]] std::filesystem::path entry_path(const Name& name) const;
  [[nodiscard]] std::optional<Entry> read(const Name& name) const;
  void save(const Name& name, const Entry& entry);
  void write(const std::filesystem::path& path, std::string_view first, std::string_view rest);

  std::filesystem::path root_;
  std::filesystem::path repo_;  // its directory
  Observer observer_;
  std::atomic<bool> failed_{false};
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_FETCH_CACHE_H_
