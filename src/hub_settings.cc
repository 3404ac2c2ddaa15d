#include "hub_settings.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

#include "gamma_extract/error.h"
#include "gamma_extract/source.h"
#include "url.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_token_bytes = 10'000;

/// A token as people paste it, or nothing where it is blank.
std::optional<std::string> clean(std::string text) {
  std::erase_if(text, [](char letter) { return letter == '\n' || letter == '\r'; });
  constexpr const char* space = " \t\f\v";
  text.erase(0, text.find_first_not_of(space));
  text.erase(text.find_last_not_of(space) + 1);
  if (text.empty()) return std::nullopt;
  return text;
}

void require_header_value(const std::string& token, const std::string& from) {
  const bool fits = std::ranges::all_of(token, [](char each) { return each > ' ' && each <= '~'; });
  if (fits) return;
  fail(Fault::token_refused,
       "{}: it holds a character that no token has (white space, or none of ASCII); copy the token "
       "anew from your settings at the Hub",
       from);
}

std::optional<std::string> token_in_file(const Environment& environment) {
  const fs::path file = token_file(environment);
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return std::nullopt;
  auto token = clean(read_text(file, max_token_bytes, Fault::token_refused));
  if (token) require_header_value(*token, file.string());
  return token;
}

std::optional<std::string> token_of(const Environment& environment) {
  if (is_true(environment.variable("HF_HUB_DISABLE_IMPLICIT_TOKEN").value_or(""))) {
    return std::nullopt;
  }
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    const auto token = clean(environment.variable(name).value_or(""));
    if (!token) continue;
    require_header_value(*token, name);
    return token;
  }
  return token_in_file(environment);
}

std::string endpoint_of(const Environment& environment, const std::string& usual) {
  std::string endpoint = first_set(environment, {"HF_ENDPOINT"}).value_or(usual);
  endpoint.erase(endpoint.find_last_not_of('/') + 1);
  // What is asked for is appended to it.
  if (!Url::parse(endpoint) || endpoint.find_first_of("?#") != std::string::npos) {
    // Before a @ may stand a password.
    const std::string shown = endpoint.find('@') == std::string::npos ? "=" + endpoint : "";
    fail(Fault::endpoint_invalid,
         "HF_ENDPOINT{}: it is no address of the web; give one such as https://huggingface.co",
         shown);
  }
  return endpoint;
}

/// The number in a variable, from `least` to `most`.
unsigned number(const Environment& environment, const char* name, unsigned usual, unsigned least,
                unsigned most) {
  const auto text = first_set(environment, {name});
  if (!text) return usual;
  unsigned value = 0;
  const char* const end = text->data() + text->size();
  const auto [read, error] = std::from_chars(text->data(), end, value);
  if (error == std::errc() && read == end && value >= least && value <= most) return value;
  fail(Fault::usage, "{}={}: it is no whole number from {} to {}; correct or unset it", name, *text,
       least, most);
}

std::chrono::seconds timeout(const Environment& environment, const char* name) {
  constexpr unsigned usual = 10;
  constexpr unsigned day = 86'400;
  return std::chrono::seconds(number(environment, name, usual, 1, day));
}

void take_certificates(const Environment& environment, HubSettings& settings) {
  for (const char* name :
       {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}) {
    const auto path = first_set(environment, {name});
    if (!path) continue;
    std::error_code ignored;
    // OpenSSL takes a list of directories here.
    if (std::string_view(name) == "SSL_CERT_DIR" || fs::is_directory(*path, ignored)) {
      settings.certificate_directory = *path;
    } else {
      settings.certificate_file = *path;
    }
    return;
  }
}

std::optional<std::string> proxy_variable(const Environment& environment) {
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"}) {
    if (first_set(environment, {name})) return name;
  }
  return std::nullopt;
}

}  // namespace

HubSettings hub_settings(const Environment& environment) {
  HubSettings settings;
  settings.endpoint = endpoint_of(environment, settings.endpoint);
  settings.token = token_of(environment);
  settings.question_timeout = timeout(environment, "HF_HUB_ETAG_TIMEOUT");
  settings.download_timeout = timeout(environment, "HF_HUB_DOWNLOAD_TIMEOUT");
  take_certificates(environment, settings);
  settings.proxy_variable = proxy_variable(environment);
  constexpr unsigned most_connections = 64;
  settings.connections =
      number(environment, "GAMMA_EXTRACT_CONNECTIONS", settings.connections, 1, most_connections);
  return settings;
}

}  // namespace gamma_extract
