#ifndef GAMMA_EXTRACT_SAFETENSORS_FILE_H_
#define GAMMA_EXTRACT_SAFETENSORS_FILE_H_

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "temporary_directory.h"

namespace gamma_extract::testing {

/// A tensor of zeros.
struct ZeroTensor {
  std::string name;
  std::vector<std::uint64_t> shape = {4, 2};
  std::string dtype = "BF16";
  std::uint64_t bytes_each = 2;
};

/// The bytes of a safetensors file that holds these tensors, written by hand: what a test of the
/// reader's users should not owe to the writer.
inline std::string safetensors_bytes(const std::vector<ZeroTensor>& tensors) {
  std::string header = "{";
  std::uint64_t end = 0;
  for (const ZeroTensor& tensor : tensors) {
    std::uint64_t bytes = tensor.bytes_each;
    for (const std::uint64_t dimension : tensor.shape) bytes *= dimension;
    if (header.size() > 1) header += ',';
    header +=
        fmt::format(R"("{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", tensor.name,
                    tensor.dtype, fmt::join(tensor.shape, ","), end, end + bytes);
    end += bytes;
  }
  header += "}";
  std::string file;
  for (unsigned i = 0; i < 8; ++i) file += static_cast<char>((header.size() >> (8 * i)) & 0xffU);
  return file + header + std::string(end, '\0');
}

inline void write_safetensors(const std::filesystem::path& path,
                              const std::vector<ZeroTensor>& tensors) {
  write_file(path, safetensors_bytes(tensors));
}

constexpr const char* tied_config = R"({"model_type": "qwen3", "tie_word_embeddings": true})";

/// Writes a checkpoint of one file.
inline void write_checkpoint(const std::filesystem::path& directory, const std::string& config,
                             const std::vector<ZeroTensor>& tensors) {
  write_safetensors(directory / "model.safetensors", tensors);
  write_file(directory / "config.json", config);
}

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_SAFETENSORS_FILE_H_
