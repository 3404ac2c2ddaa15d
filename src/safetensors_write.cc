#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "gamma_extract/error.h"
#include "gamma_extract/safetensors.h"
#include "header_builder.h"

namespace gamma_extract::safetensors {
namespace {

// With the escapes of serde_json, which writes the reference's headers: \b \f \n \r \t \" \\, the
// other control characters as \u001f, all else as it is.
std::string json_string(std::string_view text) {
  using nlohmann::json;
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string json_metadata(const Metadata& metadata) {
  std::string text = "\"__metadata__\":{";
  for (const auto& [key, value] : metadata) {
    if (text.back() != '{') text += ',';
    text += json_string(key) + ':' + json_string(value);
  }
  return text + "},";
}

std::uint64_t tensor_bytes(std::string_view key, Dtype dtype,
                           std::span<const std::uint64_t> shape) {
  std::optional<std::uint64_t> size = bits(dtype);
  for (const std::uint64_t dimension : shape) size = checked_product(size, dimension);
  if (!size) {
    fail(
        Fault::tensor_size_overflow,
        "tensor {}: its shape [{}] of {} has more bits than 64 bits can count; write a smaller one",
        quoted(key), fmt::join(shape, ", "), name(dtype));
  }
  if (*size % 8 != 0) {
    fail(Fault::tensor_misaligned, "tensor {}: its shape [{}] of {} has {} bits; write whole bytes",
         quoted(key), fmt::join(shape, ", "), name(dtype), *size);
  }
  return *size / 8;
}

std::string little_endian(std::uint64_t value) {
  std::string bytes(sizeof value, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(value & 0xffU);
    value >>= 8U;
  }
  return bytes;
}

}  // namespace

std::string make_header(std::string_view key, Dtype dtype, std::span<const std::uint64_t> shape,
                        const Metadata& metadata) {
  constexpr std::size_t alignment = 8;
  std::string json =
      fmt::format(R"({{{}{}:{{"dtype":"{}","shape":[{}],"data_offsets":[0,{}]}}}})",
                  metadata.empty() ? "" : json_metadata(metadata), json_string(key), name(dtype),
                  fmt::join(shape, ","), tensor_bytes(key, dtype, shape));
  json.resize((json.size() + alignment - 1) / alignment * alignment, ' ');
  return little_endian(json.size()) + json;
}

}  // namespace gamma_extract::safetensors
