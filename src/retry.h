#ifndef GAMMA_EXTRACT_RETRY_H_
#define GAMMA_EXTRACT_RETRY_H_

#include <chrono>
#include <cstddef>
#include <ctime>
#include <optional>

#include "http_connection.h"

/// When to ask again.
namespace gamma_extract {

/// How often a request is made: once, and five times more, as Hugging Face's client does it, though
/// that does not for all that may pass.
inline constexpr std::size_t max_tries = 6;

/// How long to wait after the try of that number, the first of which is 1: 1, 2, 4, 8 and 8 s.
/// Nothing after the last.
std::optional<std::chrono::seconds> wait_after(std::size_t number);

/// Whether a status may be another the next time: 408, 429, 500, 502, 503, 504.
bool is_passing(long status);

/// How long the server asks to wait, and a second more. Of 429: until the reset of a RateLimit that
/// has nothing left (`r=0;t=SECONDS`; the field stands on every answer), else Retry-After, in
/// seconds or as a date. Of 503: Retry-After. `now` is the time of day.
std::optional<std::chrono::seconds> asked_wait(const HttpHead& head, std::time_t now);

/// A longer wait is not worth it. This is a whole window of the Hub's limit, and the second more.
inline constexpr std::chrono::seconds longest_wait{301};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_RETRY_H_
