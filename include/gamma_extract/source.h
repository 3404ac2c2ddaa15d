#ifndef GAMMA_EXTRACT_SOURCE_H_
#define GAMMA_EXTRACT_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

struct stat;

/// Bytes at an offset of a file, wherever the file is.
///
/// Files on the disk are read with pread, never mapped: under mmap a file that is truncated while
/// it is read gives SIGBUS, and the tail of its last page reads as zeros without a word; network
/// file systems fail in ways of their own. A short read can be reported, and here it always is.
namespace gamma_extract {

enum class Fault : std::uint8_t;  // gamma_extract/error.h

/// Owns a file descriptor and closes it. Move-only.
class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  /// The number, or -1 if none is owned.
  [[nodiscard]] int get() const noexcept { return fd_; }
  /// Gives the number up without closing it.
  int release() noexcept;
  /// Closes now; returns what close(2) left in errno, 0 if all is well.
  int close() noexcept;

 private:
  int fd_ = -1;
};

/// A file, of a size that was fixed when it was opened. Safe to use from several threads: reading
/// has no position.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  /// What a message calls it.
  [[nodiscard]] virtual const std::filesystem::path& path() const noexcept = 0;
  /// Bytes, as of the opening.
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;

  /// Says that these bytes will be read, soon and more than once: a source that has them far away
  /// begins to fetch them. Called before any of them is read.
  virtual void prepare(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) const {}

  /// Fills all of `bytes` from `offset`, or throws.
  virtual void read_at(std::uint64_t offset, std::span<std::byte> bytes) const = 0;

  /// Throws file_changed unless the file still is what was opened. Called after the last read.
  virtual void require_unchanged() const = 0;
};

/// A regular file on the disk.
class FileSource final : public Source {
 public:
  /// Opens `path`, following symbolic links. Throws file_missing (naming the target of a dangling
  /// link), file_unreadable, or file_not_regular; never blocks on a pipe.
  explicit FileSource(std::filesystem::path path);

  [[nodiscard]] const std::filesystem::path& path() const noexcept override { return path_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return identity_.size; }

  /// Throws file_truncated if the file ends before, and file_unreadable on an input/output error.
  /// Retries what a signal interrupts.
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const override;

  /// What was opened: the path leads to the same inode, of the same size and modification time. So
  /// a file that was truncated, grown, rewritten or replaced meanwhile becomes an error.
  void require_unchanged() const override;

 private:
  struct Identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    bool operator==(const Identity&) const = default;
    static Identity of(const struct stat& status);
  };

  std::filesystem::path path_;
  Descriptor descriptor_;
  Identity identity_;
};

/// Whether the name `name` is the file that `file` leads to, or the very link `file`: then
/// replacing `name` would replace the file. (A link to the file is another name, which may be
/// replaced.)
bool is_same_file(const std::filesystem::path& name, const std::filesystem::path& file);

/// The whole of a small text file, such as config.json. Throws as FileSource does, and `too_large`
/// if it has more than `limit` bytes.
std::string read_text(const std::filesystem::path& path, std::uint64_t limit, Fault too_large);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_SOURCE_H_
