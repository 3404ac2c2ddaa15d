// The inner pieces, each alone, so that a regression is found where it is:
//
//     build/bench/kernels [--benchmark_filter=...]
//
// Bytes a second are those of the values as float32, or of the text that is parsed.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "block_kernels.h"
#include "gamma_extract/column_sums.h"
#include "gamma_extract/hash.h"
#include "gamma_extract/safetensors.h"
#include "partial_sums.h"
#include "stored_block.h"
#include "widen.h"

// `for (auto _ : state)` is how the library wants its loops.
// NOLINTBEGIN(clang-analyzer-deadcode.DeadStores,readability-identifier-length)

namespace {

using namespace gamma_extract;

constexpr std::size_t rows = 102;  // a block of the real shape
constexpr std::size_t columns = 2560;

std::vector<float> weights() {
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same values each time
  std::normal_distribution<float> weight(0, 0.02F);
  std::vector<float> values(rows * columns);
  for (float& value : values) value = weight(random);
  return values;
}

void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void widen_block(benchmark::State& state, safetensors::Dtype dtype) {
  std::vector<float> values(rows * columns);
  const std::vector<std::byte> stored(values.size() * sizeof(double), std::byte{0x3f});
  for (auto _ : state) {
    widen({.bytes = stored, .dtype = dtype, .rows = rows, .columns = columns}, values);
    benchmark::ClobberMemory();
  }
  count_bytes(state, values.size() * sizeof(float));
}
BENCHMARK_CAPTURE(widen_block, BF16, safetensors::Dtype::BF16);
BENCHMARK_CAPTURE(widen_block, F16, safetensors::Dtype::F16);
BENCHMARK_CAPTURE(widen_block, F64, safetensors::Dtype::F64);

/// Measured only where the processor has them.
bool skip_without(benchmark::State& state, Vectors vectors) {
  if (has_vectors(vectors)) return false;
  state.SkipWithError("this processor has no such vectors");
  return true;
}

void sum_columns(benchmark::State& state, Vectors vectors) {
  if (skip_without(state, vectors)) return;
  const std::vector<float> values = weights();
  BlockSums sums;
  for (auto _ : state) {
    block_sums(values, columns, sums, vectors);
    benchmark::ClobberMemory();
  }
  count_bytes(state, values.size() * sizeof(float));
}
BENCHMARK_CAPTURE(sum_columns, portable, Vectors::portable);
BENCHMARK_CAPTURE(sum_columns, avx2, Vectors::avx2);
BENCHMARK_CAPTURE(sum_columns, avx512, Vectors::avx512);

void center_and_measure(benchmark::State& state, Vectors vectors) {
  if (skip_without(state, vectors)) return;
  const std::vector<float> values = weights();
  const std::vector<float> mu(columns, 0.01F);
  std::vector<float> centered(values.size());
  std::vector<double> squares(rows);
  std::vector<double> centered_squares(rows);
  BlockSums sums;
  for (auto _ : state) {
    center_block(values, mu,
                 {.centered = centered, .squares = squares, .centered_squares = centered_squares},
                 sums, vectors);
    benchmark::ClobberMemory();
  }
  count_bytes(state, values.size() * sizeof(float));
}
BENCHMARK_CAPTURE(center_and_measure, portable, Vectors::portable);
BENCHMARK_CAPTURE(center_and_measure, avx2, Vectors::avx2);
BENCHMARK_CAPTURE(center_and_measure, avx512, Vectors::avx512);

void compare_differences(benchmark::State& state, Vectors vectors) {
  if (skip_without(state, vectors)) return;
  const std::vector<float> values = weights();
  const std::vector<float> mu(columns, 0.01F);
  std::vector<float> centered(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) centered[i] = values[i] - mu[i % columns];
  for (auto _ : state) {
    benchmark::DoNotOptimize(is_finite_difference(values, mu, centered, vectors));
  }
  count_bytes(state, values.size() * sizeof(float));
}
BENCHMARK_CAPTURE(compare_differences, portable, Vectors::portable);
BENCHMARK_CAPTURE(compare_differences, avx2, Vectors::avx2);
BENCHMARK_CAPTURE(compare_differences, avx512, Vectors::avx512);

void add_to_partial_sums(benchmark::State& state, Vectors vectors) {
  if (skip_without(state, vectors)) return;
  const std::vector<float> values = weights();
  BlockSums sums;
  block_sums(values, columns, sums);
  ColumnSums exact(columns);
  PartialSums partial(exact, 8, vectors);
  for (auto _ : state) partial.add(0, rows, values, sums);
  count_bytes(state, values.size() * sizeof(float));
}
BENCHMARK_CAPTURE(add_to_partial_sums, portable, Vectors::portable);
BENCHMARK_CAPTURE(add_to_partial_sums, avx2, Vectors::avx2);
BENCHMARK_CAPTURE(add_to_partial_sums, avx512, Vectors::avx512);

void add_to_exact_sums(benchmark::State& state) {
  const std::vector<float> values = weights();
  BlockSums sums;
  block_sums(values, columns, sums);
  ColumnSums exact(columns);
  for (auto _ : state) exact.add(0, rows, values, sums, 8);
  count_bytes(state, values.size() * sizeof(float));
}
BENCHMARK(add_to_exact_sums);

// No column of the block is exact in float64: what a hostile matrix costs.
void add_hostile_values(benchmark::State& state) {
  std::vector<float> values = weights();
  for (std::size_t i = 0; i < columns; ++i) values[i] = 1e30F;
  BlockSums sums;
  block_sums(values, columns, sums);
  ColumnSums exact(columns);
  for (auto _ : state) exact.add(0, rows, values, sums, 24);
  count_bytes(state, values.size() * sizeof(float));
}
BENCHMARK(add_hostile_values);

void hash_data(benchmark::State& state) {
  const std::vector<float> values = weights();
  Xxh3Stream hash;
  for (auto _ : state) hash.update(std::as_bytes(std::span(values)));
  count_bytes(state, values.size() * sizeof(float));
}
BENCHMARK(hash_data);

void parse_header(benchmark::State& state) {
  std::string text = "{";
  constexpr std::uint64_t tensors = 10'000;
  for (std::uint64_t i = 0; i < tensors; ++i) {
    text += fmt::format(
        R"({}"model.layers.{}.weight":{{"dtype":"BF16","shape":[2],"data_offsets":[{},{}]}})",
        i == 0 ? "" : ",", i, 4 * i, 4 * i + 4);
  }
  text += "}";
  const std::uint64_t file_bytes = 8 + text.size() + 4 * tensors;
  for (auto _ : state) {
    benchmark::DoNotOptimize(safetensors::parse_header(text, file_bytes, "bench"));
  }
  count_bytes(state, text.size());
}
BENCHMARK(parse_header);

}  // namespace

// NOLINTEND(clang-analyzer-deadcode.DeadStores,readability-identifier-length)

BENCHMARK_MAIN();
