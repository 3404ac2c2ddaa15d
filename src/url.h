#ifndef GAMMA_EXTRACT_URL_H_
#define GAMMA_EXTRACT_URL_H_

#include <optional>
#include <string>
#include <string_view>

namespace gamma_extract {

/// An absolute http or https address, taken apart by libcurl, which will be asked for it.
class Url {
 public:
  /// Nothing where `text` is no such address.
  static std::optional<Url> parse(const std::string& text);

  /// Where a Location header leads from here: an address, or one relative to this. Nothing where
  /// that is no http or https address.
  [[nodiscard]] std::optional<Url> follow(const std::string& location) const;

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// `scheme://host:port`, in lower case, the port always given: what a token may be sent to.
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  /// For a message: without what may be secret, a user's name and password and the query.
  [[nodiscard]] const std::string& shown() const noexcept { return shown_; }

 private:
  Url() = default;

  std::string text_;
  std::string origin_;
  std::string host_;
  std::string shown_;
};

/// `text` as one segment of a path: all but ASCII letters, digits and what is in `plain` as %2F.
std::string percent_encoded(std::string_view text, std::string_view plain = "-_.~");

/// A file's name as a path: each of its segments encoded.
std::string percent_encoded_path(std::string_view name);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_URL_H_
