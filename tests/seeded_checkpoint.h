#ifndef GAMMA_EXTRACT_SEEDED_CHECKPOINT_H_
#define GAMMA_EXTRACT_SEEDED_CHECKPOINT_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "gamma_extract/safetensors.h"
#include "temporary_directory.h"

namespace gamma_extract::testing {

/// Writes a checkpoint whose unembedding is `rows` x 1024 float32 values, as the seed gives them:
/// each 8192 rows are 32 MiB, on which a run is busy for a while.
inline void write_seeded_checkpoint(const std::filesystem::path& directory, std::uint64_t rows,
                                    std::uint32_t seed) {
  constexpr std::uint64_t columns = 1024;
  std::mt19937 random(seed);
  std::vector<float> values(rows * columns);
  for (float& value : values) value = static_cast<float>(random()) * 0x1p-32F - 0.25F;
  const std::array<std::uint64_t, 2> shape{rows, columns};
  std::string file = safetensors::make_header("lm_head.weight", safetensors::Dtype::F32, shape, {});
  file.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  write_file(directory / "model.safetensors", file);
  write_file(directory / "config.json",
             R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"],)"
             R"( "tie_word_embeddings": false})");
}

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_SEEDED_CHECKPOINT_H_
