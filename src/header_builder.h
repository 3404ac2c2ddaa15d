#ifndef GAMMA_EXTRACT_HEADER_BUILDER_H_
#define GAMMA_EXTRACT_HEADER_BUILDER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gamma_extract/error.h"
#include "gamma_extract/safetensors.h"

/// The rules of the safetensors format that are about values, apart from those about JSON.
///
/// The parser (safetensors_parse.cc) calls these functions as it meets the parts of a header. Each
/// throws at the first rule broken, so that an invalid header is never read to its end, and an
/// entry is checked before the next one is read.
namespace gamma_extract::safetensors {

/// The remedy for a header that breaks a rule.
inline constexpr std::string_view damaged =
    "the file is damaged or was written by a faulty program; download it again";

/// Throws header_too_large or header_beyond_file unless a file of `file_bytes` bytes may hold a
/// header of `length` bytes.
void require_header_length(std::uint64_t length, std::uint64_t file_bytes, std::string_view file);

class HeaderBuilder {
 public:
  /// `file` names the file in messages. `data_offset` is 8 + N, at most `file_bytes`.
  HeaderBuilder(std::string_view file, std::uint64_t data_offset, std::uint64_t file_bytes);

  void metadata_key(std::string_view key) { header_.metadata_.append(key); }
  void metadata_value(std::string_view value) { header_.metadata_.append(value); }

  /// A tensor is its name, its three fields in any order, and its end.
  void begin_tensor(std::string_view name);
  void dtype(std::string_view name);
  void begin_shape();
  void dimension(std::uint64_t size);
  void begin_offsets();
  void offset(std::uint64_t value);
  void end_offsets() const;
  void end_tensor();

  /// The header, once the tensors are known to fill the data from its first byte to its last.
  Header finish();

  [[nodiscard]] std::string_view file() const noexcept { return file_; }
  /// The names of the tensors so far.
  [[nodiscard]] const StringTable& names() const noexcept { return header_.names_; }
  /// The keys and values of `__metadata__` so far, one after the other.
  [[nodiscard]] const StringTable& metadata() const noexcept { return header_.metadata_; }
  /// Throws an Error that names the file and the tensor begun last.
  [[noreturn]] void refuse_tensor(Fault fault, std::string_view why) const;

 private:
  /// What is known of the tensor that is being read.
  struct Fields {
    bool has_dtype = false;
    Dtype dtype = Dtype::F32;
    bool has_shape = false;
    std::optional<std::uint64_t> elements = 1;  // nothing once the product has overflowed
    std::size_t offset_count = 0;
    std::array<std::uint64_t, 2> offsets{};
    std::uint32_t first_dimension = 0;
  };

  void require_fields() const;
  void require_size() const;
  [[nodiscard]] std::string shape_text() const;
  /// Where the data of the last tensor ends, if it has neither hole nor overlap.
  [[nodiscard]] std::uint64_t contiguous_end() const;
  void require_all_data(std::uint64_t data_end) const;

  std::string_view file_;
  std::uint64_t file_bytes_;
  Fields fields_;
  Header header_;
};

/// The product, or nothing where it overflows or `left` is nothing because it did.
std::optional<std::uint64_t> checked_product(std::optional<std::uint64_t> left,
                                             std::uint64_t right) noexcept;

/// A name as it stands in a message: in quotes, and cut where it is very long.
std::string quoted(std::string_view name);

}  // namespace gamma_extract::safetensors

#endif  // GAMMA_EXTRACT_HEADER_BUILDER_H_
