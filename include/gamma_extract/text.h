#ifndef GAMMA_EXTRACT_TEXT_H_
#define GAMMA_EXTRACT_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

/// Text that comes from strangers, made safe to store and to print.
///
/// File names are bytes, tensor names are whatever a file says, and both end up in metadata, in
/// JSON and on a terminal. What is no UTF-8 is found as Unicode recommends (the Unicode Standard,
/// chapter 3.9, "substitution of maximal subparts"), which is also what Python does.
namespace gamma_extract {

/// `text` with every maximal part that is no UTF-8 replaced by U+FFFD: Python's
/// `decode("utf-8", "replace")`.
std::string to_utf8(std::string_view text);

/// `text` as valid UTF-8 on one line: what a terminal or a log may be shown. Control characters
/// (C0, DEL, C1), line and paragraph separators, and the bidirectional ones that can reorder a line
/// stand as \n, \t, \r, \x1b or \u202e; a byte that is no UTF-8 as \xe9, so that it can still be
/// told which one it is. A backslash stays one.
std::string printable(std::string_view text);

/// With ASCII letters in lower case; all else as it is.
std::string lower_case(std::string_view text);

/// 1555824640 as "1.56 GB": decimal units, three digits.
std::string human_bytes(std::uint64_t bytes);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_TEXT_H_
