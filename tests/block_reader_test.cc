#include "block_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "workers.h"

namespace gamma_extract {
namespace {

/// Writes down where it is read, and gives zeros.
class RecordingSource final : public Source {
 public:
  [[nodiscard]] const std::filesystem::path& path() const noexcept override { return path_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return 0; }
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const override {
    // Time for another thread to overtake this one.
    std::this_thread::sleep_for(std::chrono::milliseconds(offset % 3));
    std::ranges::fill(bytes, std::byte{0});
    const std::lock_guard lock(mutex_);
    offsets_.push_back(offset);
  }
  void require_unchanged() const override {}

  [[nodiscard]] const std::vector<std::uint64_t>& offsets() const { return offsets_; }

 private:
  std::filesystem::path path_;
  mutable std::mutex mutex_;
  mutable std::vector<std::uint64_t> offsets_;
};

TEST(BlockSequenceTest, EachBlockIsReadOnceAndInOrderWhateverTheThreads) {
  const StoredMatrix matrix{.tensor = {.name = "w",
                                       .dtype = safetensors::Dtype::BF16,
                                       .shape = {20 * 1024 + 1, 2},
                                       .offset = 8,
                                       .bytes = (20 * 1024 + 1) * 2 * 2}};
  const RecordingSource source;
  const BlockLayout layout(matrix.rows(), matrix.columns());
  BlockSequence blocks(layout);
  std::mutex mutex;
  std::vector<std::uint64_t> indexes;
  run_workers(4, [&](const KeepGoing& /*keep_going*/) {
    BlockReader reader({.shard = &source, .matrix = &matrix}, layout);
    while (const auto read = blocks.read_next(reader)) {
      EXPECT_EQ(read->place.first_row, read->index * 1024);
      EXPECT_EQ(read->stored.bytes.size(), read->place.values() * 2);
      const std::lock_guard lock(mutex);
      indexes.push_back(read->index);
    }
    EXPECT_FALSE(blocks.read_next(reader));
  });
  std::ranges::sort(indexes);
  ASSERT_EQ(indexes.size(), layout.size());
  for (std::uint64_t i = 0; i < layout.size(); ++i) {
    EXPECT_EQ(indexes[i], i);
    EXPECT_EQ(source.offsets().at(i), 8 + i * 1024 * 2 * 2) << "in the order of the file";
  }
}

}  // namespace
}  // namespace gamma_extract
