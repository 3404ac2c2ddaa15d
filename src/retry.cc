#include "retry.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

namespace gamma_extract {
namespace {

constexpr std::array waits{std::chrono::seconds(1), std::chrono::seconds(2),
                           std::chrono::seconds(4), std::chrono::seconds(8),
                           std::chrono::seconds(8)};
static_assert(waits.size() + 1 == max_tries);

/// A whole number of seconds that may be added to, or nothing.
std::optional<std::chrono::seconds> seconds(std::string_view text) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr long most = 1'000'000'000;
  if (error == std::errc::result_out_of_range) return std::chrono::seconds(most);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return std::chrono::seconds(std::min(value, most));
}

/// The number behind `;name=` in a structured field.
std::optional<std::chrono::seconds> parameter(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos;
       at = text.find(name, at + 1)) {
    if (at == 0 || (text[at - 1] != ';' && text[at - 1] != ' ')) continue;
    text.remove_prefix(at + name.size());
    return seconds(text.substr(0, text.find_first_of(";, ")));
  }
  return std::nullopt;
}

std::optional<std::chrono::seconds> until_reset(const HttpHead& head) {
  const std::string limit = head.field("ratelimit").value_or("");
  const auto left = parameter(limit, "r=");
  if (!left || left->count() != 0) return std::nullopt;
  return parameter(limit, "t=");
}

std::optional<std::chrono::seconds> retry_after(const HttpHead& head, std::time_t now) {
  const auto field = head.field("retry-after");
  if (!field) return std::nullopt;
  if (const auto wait = seconds(*field)) return wait;
  const std::time_t date = ::curl_getdate(field->c_str(), nullptr);
  if (date < 0) return std::nullopt;
  return std::chrono::seconds(std::max<std::time_t>(date - now, 0));
}

}  // namespace

std::optional<std::chrono::seconds> wait_after(std::size_t number) {
  if (number == 0 || number > waits.size()) return std::nullopt;
  return waits.at(number - 1);
}

bool is_passing(long status) {
  constexpr std::array passing{408L, 429L, 500L, 502L, 503L, 504L};
  return std::ranges::find(passing, status) != passing.end();
}

std::optional<std::chrono::seconds> asked_wait(const HttpHead& head, std::time_t now) {
  std::optional<std::chrono::seconds> wait;
  if (head.status == 429) wait = until_reset(head);
  if (!wait && (head.status == 429 || head.status == 503)) wait = retry_after(head, now);
  if (!wait) return std::nullopt;
  return *wait + std::chrono::seconds(1);
}

}  // namespace gamma_extract
