#ifndef GAMMA_EXTRACT_SAFETENSORS_H_
#define GAMMA_EXTRACT_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gamma_extract/source.h"

/// The safetensors format: a header read and validated, a header written.
///
/// A file is a header length N (8 bytes, little-endian), N bytes of JSON, and the data:
///
///     {"__metadata__":{"format":"pt"},"gamma":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}
///
/// The reader accepts what the reference implementation accepts (huggingface/safetensors,
/// `Metadata::validate`), with these differences. A name that stands twice is refused, at every
/// level, as the format's description asks and the reference does not. What the reference accepts
/// by accident of its deserializer is refused: a tensor as an array, `["F32",[1],[0,4]]`, and a
/// dtype as an object, `{"F32":null}`. So is a number of more than a million characters. Everything
/// is checked before anything is used: an offset, a shape or a size that comes out of here is
/// inside the file.
///
/// A header may be 100 MB long and hold 1.4 million tensors, so that memory is a design constraint:
/// the text is read in blocks, as events, and never becomes a tree, each entry is checked before it
/// is kept, and names and shapes are kept in a few large arrays instead of one small allocation
/// each.
namespace gamma_extract::safetensors {

/// The 22 element types, in the order in which the reference writer sorts them (ascending size).
enum class Dtype : std::uint8_t {
  BOOL,
  F4,
  F6_E2M3,
  F6_E3M2,
  U8,
  I8,
  F8_E5M2,
  F8_E4M3,
  F8_E8M0,
  F8_E4M3FNUZ,
  F8_E5M2FNUZ,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64,
};

/// The name as it stands in a header, such as "BF16".
std::string_view name(Dtype dtype);
/// Bits of one element; 4 and 6 for the sub-byte types.
std::uint64_t bits(Dtype dtype);
/// The element type of that name (case counts), or nothing.
std::optional<Dtype> dtype_of(std::string_view name);

/// The largest header that the format allows, in bytes.
inline constexpr std::uint64_t max_header_bytes = 100'000'000;

/// One entry of a header.
struct Tensor {
  std::string name;
  Dtype dtype = Dtype::F32;
  std::vector<std::uint64_t> shape;
  /// Bytes from the start of the file (not of the data).
  std::uint64_t offset = 0;
  /// Bytes of the tensor.
  std::uint64_t bytes = 0;
};

/// Strings, one after the other in a single allocation.
class StringTable {
 public:
  void append(std::string_view text);
  [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }
  [[nodiscard]] std::string_view operator[](std::size_t index) const;

 private:
  std::string text_;
  std::deque<std::uint32_t> ends_;
};

/// A header whose every rule holds.
class Header {
 public:
  /// Tensors, in the order of the header.
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] Tensor tensor(std::size_t index) const;
  [[nodiscard]] std::string_view tensor_name(std::size_t index) const { return names_[index]; }
  /// The tensor of that name, or nothing. Looks at every name.
  [[nodiscard]] std::optional<Tensor> find(std::string_view name) const;

  /// Entries of `__metadata__`, in the order of the header; none where it is missing or null.
  [[nodiscard]] std::size_t metadata_size() const noexcept { return metadata_.size() / 2; }
  [[nodiscard]] std::pair<std::string_view, std::string_view> metadata_at(std::size_t index) const;
  /// The value of that key of `__metadata__`, or nothing.
  [[nodiscard]] std::optional<std::string> metadata(std::string_view key) const;

  /// Where the data begins: 8 + N bytes.
  [[nodiscard]] std::uint64_t data_offset() const noexcept { return data_offset_; }

 private:
  friend class HeaderBuilder;

  struct Entry {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint32_t first_dimension = 0;
    std::uint32_t rank = 0;
    Dtype dtype = Dtype::F32;
  };

  std::uint64_t data_offset_ = 0;
  StringTable names_;
  std::deque<Entry> entries_;
  std::deque<std::uint64_t> dimensions_;
  StringTable metadata_;  // key, value, key, value, ...
};

/// Parses and validates the JSON text of a header. `file_bytes` is the size of the whole file,
/// which the last tensor must reach exactly. `file` names it in messages. Throws Error with the
/// fault of the first rule broken.
Header parse_header(std::string_view text, std::uint64_t file_bytes, std::string_view file);

/// Reads a file's header: its length, its text, its rules. Says so where the file is a Git LFS
/// pointer, or shorter than its header promises (an incomplete download).
Header read_header(const Source& source);

/// Metadata in the order in which it is to be written. Bytes that are no UTF-8 become U+FFFD.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// The first bytes of a file that holds one tensor: length, JSON and padding up to a multiple of 8,
/// byte for byte what `safetensors.torch.save_file({key: tensor}, file, metadata)` writes (without
/// `__metadata__` where there is none). The data follows, little-endian, and nothing after it.
/// Throws tensor_size_overflow and tensor_misaligned.
std::string make_header(std::string_view key, Dtype dtype, std::span<const std::uint64_t> shape,
                        const Metadata& metadata);

}  // namespace gamma_extract::safetensors

#endif  // GAMMA_EXTRACT_SAFETENSORS_H_
