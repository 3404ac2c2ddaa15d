#ifndef GAMMA_EXTRACT_HEADER_TEXT_H_
#define GAMMA_EXTRACT_HEADER_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <span>
#include <string_view>

#include "gamma_extract/error.h"
#include "gamma_extract/safetensors.h"

/// The characters of a header, one after the other, as nlohmann's parser takes them.
///
/// The text comes in blocks and is never in memory as a whole. Three things are decided here that
/// the parser would get wrong, or pay for:
///
///   * It skips a byte order mark and takes a NUL for the end: both are refused.
///   * It does not look at bytes outside of strings: what is no UTF-8 is refused anywhere.
///   * For an error it copies the token that it stopped at some five times, with the white space
///     before it, eight bytes for each line feed. So white space outside of strings goes to it as
///     one character, and a number or word has at most a million.
namespace gamma_extract::safetensors {

/// Whether bytes are UTF-8, asked byte by byte.
class Utf8Check {
 public:
  /// Takes the next byte. False if no UTF-8 text goes on with it.
  bool take(unsigned char byte) noexcept;
  /// Whether the last character is whole.
  [[nodiscard]] bool complete() const noexcept { return missing_ == 0; }

 private:
  unsigned missing_ = 0;  // bytes of the character, after those taken
  unsigned char least_ = 0x80;
  unsigned char most_ = 0xbf;  // bounds of the next byte
};

class HeaderText {
 public:
  /// Gives the next block of the text, which stays until the next call; an empty one at the end.
  using NextBlock = std::function<std::string_view()>;

  /// The most characters of a number or word. The format has no such limit, but no use for more.
  static constexpr std::size_t max_word = 1'000'000;

  HeaderText(NextBlock next_block, std::string_view file);

  /// An input iterator over the characters. One past the end compares equal to `end()`.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = char;

    Iterator() = default;
    explicit Iterator(HeaderText* text) : text_(text) {}
    char operator*() const { return text_->current_; }
    Iterator& operator++() {
      text_->advance();
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_end() == other.at_end(); }

   private:
    [[nodiscard]] bool at_end() const { return text_ == nullptr || text_->at_end_; }
    HeaderText* text_ = nullptr;
  };

  Iterator begin() { return Iterator(this); }
  static Iterator end() { return {}; }

  /// Reads on to the end of the current character. Throws header_not_utf8 if it has none.
  void finish_character();

  /// How many bytes were read, the current character included.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

 private:
  void advance();
  bool take();
  void check(char byte);
  void follow_token(char byte);
  [[noreturn]] void refuse(Fault fault, std::string_view why) const;

  NextBlock next_block_;
  std::string_view file_;
  std::string_view rest_;  // of the block
  std::uint64_t position_ = 0;
  char current_ = '\0';
  bool at_end_ = false;
  Utf8Check utf8_;
  bool in_string_ = false;
  bool escaped_ = false;
  bool in_space_ = false;
  std::size_t word_ = 0;  // characters of the number or word so far
};

/// The first bytes of a file: the length of its header, little-endian.
inline constexpr std::size_t length_bytes = 8;
std::uint64_t header_length(std::span<const std::byte, length_bytes> bytes) noexcept;

/// parse_header() for a text of `header_bytes` bytes that comes in blocks.
Header parse_blocks(const HeaderText::NextBlock& next_block, std::uint64_t header_bytes,
                    std::uint64_t file_bytes, std::string_view file);

}  // namespace gamma_extract::safetensors

#endif  // GAMMA_EXTRACT_HEADER_TEXT_H_
