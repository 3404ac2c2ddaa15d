#include "header_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

namespace gamma_extract::safetensors {
std::optional<std::uint64_t> checked_product(std::optional<std::uint64_t> left,
                                             std::uint64_t right) noexcept {
  std::uint64_t product = 0;
  if (!left || __builtin_mul_overflow(*left, right, &product)) return std::nullopt;
  return product;
}

std::string quoted(std::string_view name) {
  constexpr std::size_t longest = 200;
  if (name.size() <= longest) return fmt::format("\"{}\"", name);
  std::size_t length = longest;
  while (length > 0 && (static_cast<unsigned char>(name[length]) & 0xC0U) == 0x80U) --length;
  return fmt::format("\"{}...\" ({} bytes)", name.substr(0, length), name.size());
}

HeaderBuilder::HeaderBuilder(std::string_view file, std::uint64_t data_offset,
                             std::uint64_t file_bytes)
    : file_(file), file_bytes_(file_bytes) {
  header_.data_offset_ = data_offset;
}

void HeaderBuilder::refuse_tensor(Fault fault, std::string_view why) const {
  fail(fault, "{}: tensor {}: {}; {}", file_, quoted(names()[names().size() - 1]), why, damaged);
}

void HeaderBuilder::begin_tensor(std::string_view name) {
  header_.names_.append(name);
  fields_ = Fields{};
}

void HeaderBuilder::dtype(std::string_view name) {
  const std::optional<Dtype> known = dtype_of(name);
  if (!known) {
    refuse_tensor(Fault::tensor_dtype_unknown,
                  fmt::format("dtype {} is not one of the format's", quoted(name)));
  }
  fields_.has_dtype = true;
  fields_.dtype = *known;
}

void HeaderBuilder::begin_shape() {
  fields_.has_shape = true;
  fields_.first_dimension = static_cast<std::uint32_t>(header_.dimensions_.size());
  fields_.elements = 1;
}

void HeaderBuilder::dimension(std::uint64_t size) {
  header_.dimensions_.push_back(size);
  fields_.elements = checked_product(fields_.elements, size);
}

void HeaderBuilder::begin_offsets() {
  fields_.offset_count = 0;
}

void HeaderBuilder::offset(std::uint64_t value) {
  if (fields_.offset_count == fields_.offsets.size()) {
    refuse_tensor(Fault::tensor_offsets_invalid, "data_offsets has more than two numbers");
  }
  fields_.offsets.at(fields_.offset_count++) = value;
}

void HeaderBuilder::end_offsets() const {
  const auto [begin, end] = fields_.offsets;
  if (fields_.offset_count < fields_.offsets.size()) {
    refuse_tensor(Fault::tensor_offsets_invalid,
                  fmt::format("data_offsets has {} of two numbers", fields_.offset_count));
  }
  if (end < begin) {
    refuse_tensor(Fault::tensor_offsets_invalid,
                  fmt::format("data_offsets [{}, {}] end before they begin", begin, end));
  }
}

void HeaderBuilder::end_tensor() {
  require_fields();
  require_size();
  header_.entries_.push_back(
      {.begin = fields_.offsets[0],
       .end = fields_.offsets[1],
       .first_dimension = fields_.first_dimension,
       .rank = static_cast<std::uint32_t>(header_.dimensions_.size() - fields_.first_dimension),
       .dtype = fields_.dtype});
}

void HeaderBuilder::require_fields() const {
  const auto require = [this](bool present, std::string_view field) {
    if (!present) refuse_tensor(Fault::tensor_field_missing, fmt::format("it has no {}", field));
  };
  require(fields_.has_dtype, "dtype");
  require(fields_.has_shape, "shape");
  require(fields_.offset_count > 0, "data_offsets");
}

void HeaderBuilder::require_size() const {
  const auto [begin, end] = fields_.offsets;
  const auto size = checked_product(fields_.elements, bits(fields_.dtype));  // in bits
  if (!size) {
    refuse_tensor(Fault::tensor_size_overflow,
                  fmt::format("shape {} of {} has more bits than 64 bits can count", shape_text(),
                              name(fields_.dtype)));
  }
  if (*size % 8 != 0) {
    refuse_tensor(Fault::tensor_misaligned,
                  fmt::format("shape {} of {} has {} bits, which fill no whole number of bytes",
                              shape_text(), name(fields_.dtype), *size));
  }
  if (end - begin != *size / 8) {
    refuse_tensor(
        Fault::tensor_size_mismatch,
        fmt::format("data_offsets [{}, {}] hold {} bytes, but shape {} of {} needs {}", begin, end,
                    end - begin, shape_text(), name(fields_.dtype), *size / 8));
  }
}

std::string HeaderBuilder::shape_text() const {
  constexpr std::ptrdiff_t most = 8;
  const auto first =
      header_.dimensions_.begin() + static_cast<std::ptrdiff_t>(fields_.first_dimension);
  const auto rank = header_.dimensions_.end() - first;
  return fmt::format("[{}{}]", fmt::join(first, first + std::min(rank, most), ", "),
                     rank > most ? fmt::format(", ... ({} dimensions)", rank) : "");
}

Header HeaderBuilder::finish() {
  require_all_data(contiguous_end());
  return std::move(header_);
}

std::uint64_t HeaderBuilder::contiguous_end() const {
  const std::deque<Header::Entry>& entries = header_.entries_;
  std::vector<std::uint32_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&entries](std::uint32_t left, std::uint32_t right) {
    return std::tie(entries[left].begin, entries[left].end) <
           std::tie(entries[right].begin, entries[right].end);
  });
  std::uint64_t end = 0;
  for (const std::uint32_t index : order) {
    if (entries[index].begin != end) {
      fail(Fault::tensor_hole_or_overlap,
           "{}: tensor {}: its data begins at {}, but the data before it ends at {}: {}; {}", file_,
           quoted(names()[index]), entries[index].begin, end,
           entries[index].begin > end ? "there is a hole" : "they overlap", damaged);
    }
    end = entries[index].end;
  }
  return end;
}

void HeaderBuilder::require_all_data(std::uint64_t data_end) const {
  const std::uint64_t present = file_bytes_ - header_.data_offset_;
  if (present < data_end) {
    fail(Fault::data_incomplete,
         "{}: the header promises {} bytes of data, but the file holds {}, {} too few: most often "
         "an incomplete download; download it again",
         file_, data_end, present, data_end - present);
  }
  if (present > data_end) {
    fail(Fault::data_incomplete,
         "{}: the header promises {} bytes of data, but the file holds {}, {} too many after the "
         "last tensor; {}",
         file_, data_end, present, present - data_end, damaged);
  }
}

}  // namespace gamma_extract::safetensors
