#ifndef GAMMA_EXTRACT_DISPLAY_WIDTH_H_
#define GAMMA_EXTRACT_DISPLAY_WIDTH_H_

#include <cstddef>
#include <string>
#include <string_view>

/// How much room text takes on a terminal, and how to make it take less. The text is what
/// printable() (gamma_extract/text.h) returns: valid UTF-8, no control characters.
namespace gamma_extract::cli {

/// Cells of a terminal: 2 for a wide character, 0 for one that is put onto the one before. As the
/// C library knows them; where that has no UTF-8, a cell for each character.
std::size_t display_width(std::string_view text);

/// `text` if it fits into so many cells, else its beginning and its end with "..." between, which
/// together do; its beginning alone where there is no room for that.
std::string shortened(std::string_view text, std::size_t cells);

/// `text` followed by spaces up to so many cells, or as it is if it has more.
std::string padded(std::string_view text, std::size_t cells);

/// `text` on lines of so many cells, broken at spaces, each line but the first after `indent`
/// spaces. `cells` does not count them. A longer word is not broken.
std::string wrapped(std::string_view text, std::size_t cells, std::size_t indent);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_DISPLAY_WIDTH_H_
