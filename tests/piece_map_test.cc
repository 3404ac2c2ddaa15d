#include "piece_map.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gamma_extract {
namespace {

const RemoteRange range{.repo = "Org/Name",
                        .commit = "cdbee75f17c01a7cc42f958dc650907174af0554",
                        .file = "model.safetensors",
                        .etag = "e\n1",
                        .file_bytes = 10 * piece_bytes,
                        .begin = 100,
                        .end = 100 + 3 * piece_bytes + 1};

std::string lines_of(const std::vector<std::size_t>& pieces) {
  std::string text;
  for (const std::size_t i : pieces) text += piece_map_line(i, 0xfedcba9876543210U + i);
  return text;
}

std::vector<std::size_t> pieces_in(const std::string& text) {
  std::vector<std::size_t> pieces;
  const PieceMap map = parse_piece_map(text, range);
  for (std::size_t i = 0; i < map.xxh3.size(); ++i) {
    if (map.xxh3[i]) pieces.push_back(i);
  }
  return pieces;
}

using Pieces = std::vector<std::size_t>;

TEST(PieceMapTest, LastPieceMayBeShorter) {
  const auto count = [](std::uint64_t bytes) {
    return piece_count({.begin = 7, .end = 7 + bytes});
  };
  EXPECT_EQ(count(0), 0U);
  EXPECT_EQ(count(1), 1U);
  EXPECT_EQ(count(piece_bytes), 1U);
  EXPECT_EQ(count(piece_bytes + 1), 2U);
}

TEST(PieceMapTest, WhatWasWrittenIsRead) {
  const std::string text = piece_map_head(range) + lines_of({2, 0});
  const PieceMap map = parse_piece_map(text, range);
  EXPECT_EQ(map.valid_bytes, text.size());
  ASSERT_EQ(map.xxh3.size(), 4U);
  EXPECT_EQ(map.xxh3[0], 0xfedcba9876543210U);
  EXPECT_EQ(map.xxh3[1], std::nullopt);
  EXPECT_EQ(map.xxh3[2], 0xfedcba9876543212U);
  EXPECT_EQ(map.xxh3[3], std::nullopt);
}

TEST(PieceMapTest, LastLineOfAPieceCounts) {
  const std::string text = piece_map_head(range) + piece_map_line(1, 5) + piece_map_line(1, 6);
  EXPECT_EQ(parse_piece_map(text, range).xxh3[1], 6U);
}

TEST(PieceMapTest, TornLineAndWhatFollowsIsIgnored) {
  const std::string head = piece_map_head(range);
  const std::string text = head + lines_of({0, 1, 2});
  const std::size_t length = piece_map_line(0, 0).size();
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::size_t lines = size < head.size() ? 0 : (size - head.size()) / length;
    const PieceMap map = parse_piece_map(text.substr(0, size), range);
    EXPECT_EQ(pieces_in(text.substr(0, size)).size(), lines) << size;
    EXPECT_EQ(map.valid_bytes, size < head.size() ? 0 : head.size() + lines * length) << size;
  }
  EXPECT_EQ(pieces_in(head + lines_of({0}) + lines_of({1}).substr(1) + lines_of({2})), Pieces{0});
}

TEST(PieceMapTest, DamagedByteIsFound) {
  const std::string head = piece_map_head(range);
  const std::string text = head + lines_of({0, 1, 2});
  const std::size_t length = piece_map_line(0, 0).size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const unsigned bit : {1U, 2U, 0x20U, 0x80U}) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ bit);
      const std::size_t good = i < head.size() ? 0 : (i - head.size()) / length;
      EXPECT_EQ(pieces_in(damaged).size(), good) << "byte " << i << ", bit " << bit;
    }
  }
}

TEST(PieceMapTest, PieceBeyondTheRangeIsDamage) {
  EXPECT_EQ(pieces_in(piece_map_head(range) + lines_of({3})), Pieces{3});
  EXPECT_EQ(pieces_in(piece_map_head(range) + lines_of({4, 1})), Pieces{});
  EXPECT_EQ(pieces_in(piece_map_head(range) + lines_of({9'999'999'999})), Pieces{});
}

TEST(PieceMapTest, MapOfAnotherRangeIsNone) {
  const std::string text = piece_map_head(range) + lines_of({0, 1, 2, 3});
  EXPECT_EQ(pieces_in(text).size(), 4U);
  std::vector<RemoteRange> others(7, range);
  others[0].repo = "Org/Other";
  others[1].commit[0] = 'd';
  others[2].file = "other.safetensors";
  others[3].etag = "e2";
  others[4].file_bytes += 1;
  others[5].begin += 1;
  others[6].end += 1;
  for (const RemoteRange& other : others) {
    const PieceMap map = parse_piece_map(text, other);
    EXPECT_EQ(map.valid_bytes, 0U) << piece_map_head(other);
    EXPECT_FALSE(map.xxh3[0]) << piece_map_head(other);
  }
}

TEST(PieceMapTest, EveryLineIsOneLine) {
  for (const std::string& line : {piece_map_head(range), piece_map_line(3, 7)}) {
    EXPECT_EQ(line.find('\n'), line.size() - 1);
  }
  EXPECT_EQ(piece_map_line(0, 0).size(), piece_map_line(9'999'999'999, ~0ULL).size());
}

}  // namespace
}  // namespace gamma_extract
