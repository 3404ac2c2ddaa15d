#include "piece_map.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <span>

#include "gamma_extract/hash.h"

namespace gamma_extract {
namespace {

constexpr int schema = 1;
constexpr std::size_t index_digits = 10;
constexpr std::size_t hash_digits = 16;

template <class Number>
std::optional<Number> parse_digits(std::string_view digits, int base) {
  Number number = 0;
  const auto [rest, error] = std::from_chars(digits.begin(), digits.end(), number, base);
  if (error != std::errc() || rest != digits.end()) return std::nullopt;
  return number;
}

}  // namespace

std::size_t piece_count(const RemoteRange& range) {
  const std::uint64_t bytes = range.end - range.begin;
  return bytes / piece_bytes + (bytes % piece_bytes == 0 ? 0 : 1);
}

std::string piece_map_head(const RemoteRange& range) {
  const nlohmann::ordered_json head{
      {"schema", schema},     {"repo", range.repo}, {"commit", range.commit},
      {"file", range.file},   {"etag", range.etag}, {"file_bytes", range.file_bytes},
      {"begin", range.begin}, {"end", range.end},   {"piece_bytes", piece_bytes}};
  return head.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string piece_map_line(std::size_t piece, std::uint64_t xxh3) {
  std::string line = fmt::format("{:0{}} {:0{}x} ", piece, index_digits, xxh3, hash_digits);
  const std::uint64_t check = xxh3_64(std::as_bytes(std::span(line)));
  return line.append(fmt::format("{:0{}x}\n", check, hash_digits));
}

PieceMap parse_piece_map(std::string_view text, const RemoteRange& range) {
  PieceMap map{.xxh3 = std::vector<std::optional<std::uint64_t>>(piece_count(range))};
  const std::string head = piece_map_head(range);
  if (!text.starts_with(head)) return map;
  map.valid_bytes = head.size();
  const std::size_t length = piece_map_line(0, 0).size();
  for (;;) {
    const std::string_view line = text.substr(map.valid_bytes, length);
    if (line.size() < length) return map;
    const auto piece = parse_digits<std::size_t>(line.substr(0, index_digits), 10);
    const auto xxh3 = parse_digits<std::uint64_t>(line.substr(index_digits + 1, hash_digits), 16);
    if (!piece || !xxh3 || *piece >= map.xxh3.size()) return map;
    if (line != piece_map_line(*piece, *xxh3)) return map;
    map.xxh3[*piece] = xxh3;
    map.valid_bytes += length;
  }
}

}  // namespace gamma_extract
