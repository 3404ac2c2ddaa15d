#ifndef GAMMA_EXTRACT_PIECE_MAP_H_
#define GAMMA_EXTRACT_PIECE_MAP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Which pieces of a remote file are here, as text that only ever grows: a line that says of which
/// bytes of which file, and a line a piece, appended after the piece's bytes were written.
///
/// A run may be killed at any moment, so a line may be torn: each has a length that is known and a
/// check of itself, and nothing is believed that stands after one which is not whole.
namespace gamma_extract {

/// Bytes [begin, end) of a file on the Hub, and what tells that it is still the same file.
struct RemoteRange {
  std::string repo{};
  std::string commit{};
  std::string file{};
  std::string etag{};
  std::uint64_t file_bytes = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// The bytes of a piece; the last one of a range may have fewer.
inline constexpr std::uint64_t piece_bytes = 1U << 20U;

/// How many pieces a range has.
std::size_t piece_count(const RemoteRange& range);

/// The first line, its newline included.
std::string piece_map_head(const RemoteRange& range);

/// The line of a piece, its newline included. All of them have the same length.
std::string piece_map_line(std::size_t piece, std::uint64_t xxh3);

/// What a map says.
struct PieceMap {
  /// The XXH3 of each piece that is whole; the last line of a piece counts.
  std::vector<std::optional<std::uint64_t>> xxh3;
  std::size_t valid_bytes = 0;  ///< of the text; 0 if it is not of this range
};

/// Reads the text of a map of `range`.
PieceMap parse_piece_map(std::string_view text, const RemoteRange& range);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_PIECE_MAP_H_
