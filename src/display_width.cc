#include "display_width.h"

#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <ranges>
#include <vector>

namespace gamma_extract::cli {
namespace {

constexpr std::string_view ellipsis = "...";

/// A character and the room that it takes.
struct Glyph {
  std::string_view bytes;
  std::size_t cells = 1;
};

/// Within its scope this thread's C library knows UTF-8, whatever the user's locale.
class Utf8Scope {
 public:
  Utf8Scope() noexcept : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) before_ = ::uselocale(locale_);
  }
  Utf8Scope(const Utf8Scope&) = delete;
  Utf8Scope& operator=(const Utf8Scope&) = delete;
  ~Utf8Scope() {
    if (locale_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(locale_);
  }

 private:
  locale_t locale_;
  locale_t before_ = nullptr;
};

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80;
}

/// Cells of one character, 1 where nothing is known of it.
std::size_t cells_of(std::string_view bytes) {
  wchar_t character = 0;
  mbstate_t state{};
  // NOLINTNEXTLINE(concurrency-mt-unsafe): its state is the one above
  if (::mbrtowc(&character, bytes.data(), bytes.size(), &state) != bytes.size()) return 1;
  const int width = ::wcwidth(character);
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

std::vector<Glyph> glyphs_of(std::string_view text) {
  const Utf8Scope utf8;
  std::vector<Glyph> glyphs;
  while (!text.empty()) {
    const auto* const end = std::ranges::find_if_not(text.substr(1), is_continuation);
    const std::string_view bytes = text.substr(0, static_cast<std::size_t>(end - text.data()));
    glyphs.push_back({.bytes = bytes, .cells = cells_of(bytes)});
    text.remove_prefix(bytes.size());
  }
  return glyphs;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char byte) { return static_cast<signed char>(byte) >= 0; });
}

/// How many bytes of glyphs fit into so many cells, what takes no room of its own included.
template <class Glyphs>
std::size_t bytes_that_fit(const Glyphs& glyphs, std::size_t cells) {
  std::size_t bytes = 0;
  for (const Glyph& glyph : glyphs) {
    if (glyph.cells > cells) break;
    cells -= glyph.cells;
    bytes += glyph.bytes.size();
  }
  return bytes;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  if (is_ascii(text)) return text.size();
  std::size_t cells = 0;
  for (const Glyph& glyph : glyphs_of(text)) cells += glyph.cells;
  return cells;
}

std::string shortened(std::string_view text, std::size_t cells) {
  if (display_width(text) <= cells) return std::string(text);
  const std::vector<Glyph> glyphs = glyphs_of(text);
  if (cells < ellipsis.size() + 2)
    return std::string(text.substr(0, bytes_that_fit(glyphs, cells)));
  const std::size_t kept = cells - ellipsis.size();
  const std::size_t end = bytes_that_fit(glyphs | std::views::reverse, kept / 2);
  const std::size_t beginning = bytes_that_fit(glyphs, kept - kept / 2);
  return std::string(text.substr(0, beginning))
      .append(ellipsis)
      .append(text.substr(text.size() - end));
}

std::string padded(std::string_view text, std::size_t cells) {
  std::string result(text);
  result.append(cells - std::min(cells, display_width(text)), ' ');
  return result;
}

std::string wrapped(std::string_view text, std::size_t cells, std::size_t indent) {
  std::string result;
  std::size_t used = 0;  // of the last line
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const std::size_t width = display_width(word);
    if (used > 0 && used + 1 + width > cells) {
      result.append("\n").append(indent, ' ');
      used = 0;
    } else if (!result.empty()) {
      result += ' ';
      ++used;
    }
    result += word;
    used += width;
  }
  return result;
}

}  // namespace gamma_extract::cli
