#include "url.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

#include "gamma_extract/text.h"

namespace gamma_extract {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const noexcept { ::curl_url_cleanup(url); }
};
using Handle = std::unique_ptr<CURLU, FreeUrl>;

/// Empty where there is no such part.
std::string part(const Handle& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (::curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) return "";
  const std::unique_ptr<char, void (*)(void*)> owned(text, &::curl_free);
  return text;
}

bool is_alphanumeric(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9');
}

}  // namespace

std::optional<Url> Url::parse(const std::string& text) {
  const Handle handle(::curl_url());
  if (!handle || ::curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return std::nullopt;
  }
  const std::string scheme = lower_case(part(handle, CURLUPART_SCHEME));
  if (scheme != "http" && scheme != "https") return std::nullopt;
  Url url;
  url.host_ = lower_case(part(handle, CURLUPART_HOST));
  url.origin_ = fmt::format("{}://{}:{}", scheme, url.host_,
                            part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT));
  ::curl_url_set(handle.get(), CURLUPART_FRAGMENT, nullptr, 0);
  url.text_ = part(handle, CURLUPART_URL);
  for (const CURLUPart secret : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY}) {
    ::curl_url_set(handle.get(), secret, nullptr, 0);
  }
  url.shown_ = part(handle, CURLUPART_URL);
  return url;
}

std::optional<Url> Url::follow(const std::string& location) const {
  const Handle handle(::curl_url());
  if (!handle || ::curl_url_set(handle.get(), CURLUPART_URL, text_.c_str(), 0) != CURLUE_OK ||
      ::curl_url_set(handle.get(), CURLUPART_URL, location.c_str(), CURLU_URLENCODE) != CURLUE_OK) {
    return std::nullopt;
  }
  return parse(part(handle, CURLUPART_URL));
}

std::string percent_encoded(std::string_view text, std::string_view plain) {
  std::string result;
  for (const char letter : text) {
    if (is_alphanumeric(letter) || plain.find(letter) != std::string_view::npos) {
      result += letter;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return result;
}

std::string percent_encoded_path(std::string_view name) {
  std::string result;
  for (std::size_t slash = name.find('/'); slash != std::string_view::npos;
       slash = name.find('/')) {
    result += percent_encoded(name.substr(0, slash)) + "/";
    name.remove_prefix(slash + 1);
  }
  return result + percent_encoded(name);
}

}  // namespace gamma_extract
