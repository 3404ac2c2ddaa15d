#include "header_text.h"

#include <fmt/format.h>

#include <utility>

#include "header_builder.h"

namespace gamma_extract::safetensors {

bool Utf8Check::take(unsigned char byte) noexcept {
  if (missing_ > 0) {
    if (byte < least_ || byte > most_) return false;
    --missing_;
    least_ = 0x80;
    most_ = 0xbf;
    return true;
  }
  // Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing past U+10FFFF.
  if (byte < 0x80) return true;
  if (byte < 0xc2 || byte > 0xf4) return false;
  missing_ = 1U + unsigned{byte >= 0xe0} + unsigned{byte >= 0xf0};
  if (byte == 0xe0) least_ = 0xa0;
  if (byte == 0xed) most_ = 0x9f;
  if (byte == 0xf0) least_ = 0x90;
  if (byte == 0xf4) most_ = 0x8f;
  return true;
}

HeaderText::HeaderText(NextBlock next_block, std::string_view file)
    : next_block_(std::move(next_block)), file_(file) {
  advance();
  if (current_ == '\xef') refuse(Fault::header_not_json, "it begins with a byte order mark");
}

void HeaderText::advance() {
  const bool after_space = in_space_;
  while (take() && after_space && in_space_) {
  }
}

void HeaderText::finish_character() {
  while (!utf8_.complete() && take()) {
  }
}

// Makes the next byte of the text the current one. False at the end.
bool HeaderText::take() {
  if (rest_.empty()) {
    rest_ = next_block_();
    at_end_ = rest_.empty();
    if (at_end_ && !utf8_.complete()) refuse(Fault::header_not_utf8, "it ends inside a character");
    if (at_end_) return false;
  }
  current_ = rest_.front();
  rest_.remove_prefix(1);
  ++position_;
  check(current_);
  follow_token(current_);
  return true;
}

void HeaderText::check(char byte) {
  if (!utf8_.take(static_cast<unsigned char>(byte))) {
    refuse(Fault::header_not_utf8, fmt::format("its byte {} is not UTF-8", position_));
  }
  if (byte == '\0') refuse(Fault::header_not_json, fmt::format("its byte {} is NUL", position_));
}

void HeaderText::follow_token(char byte) {
  if (in_string_) {
    in_string_ = escaped_ || byte != '"';
    escaped_ = !escaped_ && byte == '\\';
    return;
  }
  in_string_ = byte == '"';
  in_space_ = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
  const bool ends_word =
      in_string_ || in_space_ || std::string_view(",:[]{}").find(byte) != std::string_view::npos;
  word_ = ends_word ? 0 : word_ + 1;
  if (word_ > max_word) {
    refuse(Fault::header_not_json,
           fmt::format("it holds a number or word of more than {} characters", max_word));
  }
}

void HeaderText::refuse(Fault fault, std::string_view why) const {
  fail(fault, "{}: header: {}; {}", file_, why, damaged);
}

}  // namespace gamma_extract::safetensors
