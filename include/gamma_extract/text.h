#ifndef GAMMA_EXTRACT_TEXT_H_
#define GAMMA_EXTRACT_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

/// Text that comes from strangers, made safe to store and to print.
namespace gamma_extract {

/// `text` with every maximal part that is no UTF-8 replaced by U+FFFD.
std::string to_utf8(std::string_view text);

/// `text` as valid UTF-8 without control characters (C0, DEL, C1, and the bidirectional ones that
/// can reorder a line): each stands as \n, \t, \r, \x1b or \u202e. What a terminal or a log may be
/// shown.
std::string printable(std::string_view text);

/// 1555824640 as "1.56 GB": decimal units, three digits.
std::string human_bytes(std::uint64_t bytes);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_TEXT_H_
