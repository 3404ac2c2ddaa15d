#ifndef GAMMA_EXTRACT_HTTP_CONNECTION_H_
#define GAMMA_EXTRACT_HTTP_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "url.h"

/// One request and its answer, over libcurl: no redirect is followed here, no status judged,
/// nothing tried twice.
namespace gamma_extract {

/// The first part of an answer.
struct HttpHead {
  long status = 0;
  std::map<std::string, std::string, std::less<>> fields{};  ///< names in lower case

  /// A field's value, or nothing.
  [[nodiscard]] std::optional<std::string> field(std::string_view name) const;
  [[nodiscard]] bool is_redirect() const;
};

struct HttpRequest {
  const Url& url;
  bool head_only = false;
  std::vector<std::string> fields{};             ///< `Name: value`
  std::chrono::milliseconds timeout{10'000};     ///< how long nothing may come
  std::uint64_t stall_bytes_per_second = 1024;   ///< less than this ...
  std::chrono::milliseconds stall_time{60'000};  ///< ... for so long is an end, too
};

/// What to do with a body, decided by its head.
enum class Body : std::uint8_t {
  take,
  skip,  ///< read it, so that the connection can be used again, and forget it
  break_off,
};

/// How an exchange ended.
enum class Transport : std::uint8_t {
  complete,     ///< the answer is whole
  broken_off,   ///< as was asked for
  unreachable,  ///< no such host, or nobody answers there
  timeout,      ///< nothing came for too long, or next to nothing
  interrupted,  ///< the connection ended before the answer did
  certificate,  ///< who answers cannot prove to be the host
  malformed,    ///< what came is no HTTP, or too much of it
};

struct HttpOutcome {
  Transport transport = Transport::complete;
  HttpHead head{};      ///< status 0 where none came
  std::string words{};  ///< of what went wrong, for a person
};

/// Whom to trust. Nothing: whom the system trusts.
struct Certificates {
  std::optional<std::string> file{};
  std::optional<std::string> directory{};
};

/// A TCP connection at a time to each host, kept open for the next request. For one thread.
/// HTTP/1.1: over HTTP/2, libcurl would put what several connections do on a single one.
class HttpConnection {
 public:
  HttpConnection(const Certificates& certificates, const std::string& user_agent);
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  ~HttpConnection();

  struct Handlers {
    std::function<Body(const HttpHead& head)> head;
    std::function<void(std::span<const std::byte> bytes)> body;
    /// Called at least every 100 ms; what it throws ends the exchange.
    std::function<void()> check;
  };
  /// Throws what the handlers throw.
  HttpOutcome perform(const HttpRequest& request, const Handlers& handlers);

 private:
  class Exchange;
  struct Libcurl;
  std::unique_ptr<Libcurl> libcurl_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HTTP_CONNECTION_H_
