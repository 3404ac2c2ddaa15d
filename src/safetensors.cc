#include "gamma_extract/safetensors.h"

#include <algorithm>
#include <array>
#include <vector>

#include "gamma_extract/error.h"
#include "header_builder.h"
#include "header_text.h"

namespace gamma_extract::safetensors {
namespace {

struct DtypeInfo {
  std::string_view name;
  std::uint64_t bits;
};

// In the order of enum class Dtype. The names of the members would bury the table.
// NOLINTBEGIN(modernize-use-designated-initializers)
constexpr std::array<DtypeInfo, 22> dtypes{{
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
}};
// NOLINTEND(modernize-use-designated-initializers)

const DtypeInfo& info(Dtype dtype) {
  return dtypes.at(static_cast<std::size_t>(dtype));
}

constexpr std::uint64_t block_bytes = 1U << 18U;
constexpr std::string_view git_lfs_start = "version https://git-lfs";

void require_no_git_lfs_pointer(const Source& source) {
  std::string start(std::min<std::uint64_t>(source.size(), git_lfs_start.size()), '\0');
  source.read_at(0, std::as_writable_bytes(std::span(start)));
  if (start != git_lfs_start) return;
  fail(Fault::git_lfs_pointer,
       "{}: it is a Git LFS pointer, which stands for a file that was not downloaded; run `git lfs "
       "pull` in its repository",
       source.path().string());
}

std::uint64_t read_length(const Source& source) {
  if (source.size() < length_bytes) {
    fail(Fault::header_too_small,
         "{}: it has {} bytes, fewer than the {} of a header's length; download it again",
         source.path().string(), source.size(), length_bytes);
  }
  std::array<std::byte, length_bytes> bytes{};
  source.read_at(0, bytes);
  return header_length(bytes);
}

}  // namespace

std::uint64_t header_length(std::span<const std::byte, length_bytes> bytes) noexcept {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) {
    length |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  }
  return length;
}

std::string_view name(Dtype dtype) {
  return info(dtype).name;
}

std::uint64_t bits(Dtype dtype) {
  return info(dtype).bits;
}

std::optional<Dtype> dtype_of(std::string_view name) {
  const auto* const found = std::ranges::find(dtypes, name, &DtypeInfo::name);
  if (found == dtypes.end()) return std::nullopt;
  return static_cast<Dtype>(found - dtypes.begin());
}

void StringTable::append(std::string_view text) {
  text_ += text;
  ends_.push_back(static_cast<std::uint32_t>(text_.size()));
}

std::string_view StringTable::operator[](std::size_t index) const {
  const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(text_).substr(begin, ends_[index] - begin);
}

Tensor Header::tensor(std::size_t index) const {
  const Entry& entry = entries_[index];
  const auto first = dimensions_.begin() + static_cast<std::ptrdiff_t>(entry.first_dimension);
  return {.name = std::string(names_[index]),
          .dtype = entry.dtype,
          .shape = {first, first + static_cast<std::ptrdiff_t>(entry.rank)},
          .offset = data_offset_ + entry.begin,
          .bytes = entry.end - entry.begin};
}

std::optional<Tensor> Header::find(std::string_view name) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (names_[i] == name) return tensor(i);
  }
  return std::nullopt;
}

std::pair<std::string_view, std::string_view> Header::metadata_at(std::size_t index) const {
  return {metadata_[2 * index], metadata_[(2 * index) + 1]};
}

std::optional<std::string> Header::metadata(std::string_view key) const {
  for (std::size_t i = 0; i < metadata_size(); ++i) {
    const auto [name, value] = metadata_at(i);
    if (name == key) return std::string(value);
  }
  return std::nullopt;
}

void require_header_length(std::uint64_t length, std::uint64_t file_bytes, std::string_view file) {
  if (length > max_header_bytes) {
    fail(Fault::header_too_large,
         "{}: its first 8 bytes give a header of {} bytes, more than the {} that the format "
         "allows; it is no safetensors file, or damaged: download it again",
         file, length, max_header_bytes);
  }
  if (file_bytes < length_bytes || length > file_bytes - length_bytes) {
    fail(Fault::header_beyond_file,
         "{}: its header has {} bytes, but the file only {}: most often an incomplete download; "
         "download it again",
         file, length, file_bytes);
  }
}

Header read_header(const Source& source) {
  require_no_git_lfs_pointer(source);
  const std::uint64_t length = read_length(source);
  const std::string file = source.path().string();
  require_header_length(length, source.size(), file);
  std::vector<char> block(std::min(length, block_bytes));
  const std::uint64_t end = length_bytes + length;
  std::uint64_t position = length_bytes;
  const auto next_block = [&]() -> std::string_view {
    const std::size_t count = std::min<std::uint64_t>(block.size(), end - position);
    source.read_at(position, std::as_writable_bytes(std::span(block).first(count)));
    position += count;
    return {block.data(), count};
  };
  return parse_blocks(next_block, length, source.size(), file);
}

}  // namespace gamma_extract::safetensors
