#include "http_connection.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <exception>
#include <new>
#include <utility>

#include "gamma_extract/text.h"

namespace gamma_extract {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t max_head_bytes = 256UL * 1024;
// What is read and forgotten, to keep a connection; a longer body is not worth it.
constexpr std::size_t max_skipped_bytes = 64UL * 1024;
constexpr long buffer_bytes = 256L * 1024;
constexpr int poll_milliseconds = 100;

struct FreeList {
  void operator()(curl_slist* list) const noexcept { ::curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

void append(List& list, const std::string& line) {
  curl_slist* const before = list.release();
  curl_slist* const longer = ::curl_slist_append(before, line.c_str());
  list.reset(longer == nullptr ? before : longer);
  if (longer == nullptr) throw std::bad_alloc();
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(space) + 1 - begin);
}

/// The status in a line as `HTTP/1.1 200 OK`, or 0.
long status_in(std::string_view line) {
  line.remove_prefix(std::min(line.find(' '), line.size() - 1) + 1);
  long status = 0;
  std::from_chars(line.data(), line.data() + line.size(), status);
  return status;
}

Transport transport_of(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return Transport::complete;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
      return Transport::unreachable;
    case CURLE_OPERATION_TIMEDOUT:
      return Transport::timeout;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return Transport::certificate;
    case CURLE_OUT_OF_MEMORY:  // what libcurl says of a line of the head that has no end
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:  // among it: an answer without a head, as in HTTP/0.9
    case CURLE_BAD_CONTENT_ENCODING:
      return Transport::malformed;
    default:
      return Transport::interrupted;
  }
}

}  // namespace

std::optional<std::string> HttpHead::field(std::string_view name) const {
  const auto found = fields.find(name);
  if (found == fields.end()) return std::nullopt;
  return found->second;
}

bool HttpHead::is_redirect() const {
  constexpr std::array redirects{301L, 302L, 303L, 307L, 308L};
  return std::ranges::find(redirects, status) != redirects.end() && fields.contains("location");
}

struct HttpConnection::Libcurl {
  Libcurl() : easy(::curl_easy_init()), multi(::curl_multi_init()) {
    if (easy == nullptr || multi == nullptr) throw std::bad_alloc();
  }
  Libcurl(const Libcurl&) = delete;
  Libcurl& operator=(const Libcurl&) = delete;
  ~Libcurl() {
    ::curl_easy_cleanup(easy);
    ::curl_multi_cleanup(multi);
  }

  template <class Value>
  void set(CURLoption option, Value value) const {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
    if (::curl_easy_setopt(easy, option, value) == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  }

  CURL* easy;
  CURLM* multi;
  std::array<char, CURL_ERROR_SIZE> words{};
};

/// One exchange while it goes on: what libcurl calls back, and the clocks.
class HttpConnection::Exchange {
 public:
  Exchange(Libcurl& libcurl, const HttpRequest& request, const Handlers& handlers)
      : libcurl_(libcurl), request_(request), handlers_(handlers) {
    for (const std::string& field : request.fields) append(fields_, field);
    libcurl_.set(CURLOPT_URL, request.url.text().c_str());
    libcurl_.set(CURLOPT_HTTPGET, 1L);
    libcurl_.set(CURLOPT_NOBODY, request.head_only ? 1L : 0L);
    libcurl_.set(CURLOPT_HTTPHEADER, fields_.get());
    libcurl_.set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.timeout.count()));
    libcurl_.set(CURLOPT_HEADERFUNCTION, &on_line);
    libcurl_.set(CURLOPT_HEADERDATA, this);
    libcurl_.set(CURLOPT_WRITEFUNCTION, &on_bytes);
    libcurl_.set(CURLOPT_WRITEDATA, this);
    libcurl_.words.front() = '\0';
    ::curl_multi_add_handle(libcurl_.multi, libcurl_.easy);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  /// A connection whose answer is not at its end is closed by this.
  ~Exchange() {
    ::curl_multi_remove_handle(libcurl_.multi, libcurl_.easy);
    libcurl_.set(CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
  }

  HttpOutcome run() {
    int running = 1;
    while (running != 0) {
      handlers_.check();
      ::curl_multi_perform(libcurl_.multi, &running);
      if (failure_) std::rethrow_exception(failure_);
      if (running == 0) break;
      if (is_silent()) return ended(Transport::timeout, silence_);
      ::curl_multi_poll(libcurl_.multi, nullptr, 0, poll_milliseconds, nullptr);
    }
    return finished();
  }

 private:
  /// A line of the head. Returning anything but its length ends the exchange.
  static std::size_t on_line(char* line, std::size_t size, std::size_t count, void* self) noexcept {
    const std::string_view text(line, size * count);
    return static_cast<Exchange*>(self)->guarded([&](Exchange& here) { return here.take(text); })
               ? text.size()
               : 0;
  }
  static std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count,
                              void* self) noexcept {
    const std::span<const char> span(bytes, size * count);
    return static_cast<Exchange*>(self)->guarded([&](Exchange& here) { return here.take(span); })
               ? span.size()
               : 0;
  }
  /// No exception may pass through libcurl.
  template <class Work>
  bool guarded(const Work& work) noexcept {
    try {
      return work(*this);
    } catch (...) {
      failure_ = std::current_exception();
      return false;
    }
  }

  /// Whether to go on.
  bool take(std::string_view line) {
    received_ += line.size();
    head_bytes_ += line.size();
    if (head_bytes_ > max_head_bytes) return false;
    if (line.starts_with("HTTP/")) {
      head_ = {.status = status_in(line)};
      return true;
    }
    if (trimmed(line).empty()) return head_.status < 200 || decide();
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      head_.fields[lower_case(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
    }
    return true;
  }

  bool decide() {
    body_ = handlers_.head(head_);
    return body_ != Body::break_off;
  }

  bool take(std::span<const char> bytes) {
    received_ += bytes.size();
    if (body_ == Body::take) {
      handlers_.body(std::as_bytes(bytes));
      return true;
    }
    skipped_ += bytes.size();
    if (skipped_ > max_skipped_bytes) body_ = Body::break_off;
    return body_ != Body::break_off;
  }

  /// Whether too little has come for too long.
  bool is_silent() {
    const auto now = SteadyClock::now();
    // The handshakes have a clock of libcurl's own, and what they end with is news.
    curl_off_t ready = 0;
    ::curl_easy_getinfo(libcurl_.easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
    const std::uint64_t news = received_ + (ready > 0 ? 1 : 0);
    if (news != last_news_) {
      last_news_ = news;
      last_time_ = now;
    }
    if (ready > 0 && now - last_time_ >= request_.timeout) {
      silence_ = "nothing came";
      return true;
    }
    if (now - window_begin_ < request_.stall_time) return false;
    const auto seconds = std::chrono::duration<double>(now - window_begin_).count();
    const auto rate = static_cast<double>(received_ - window_received_) / seconds;
    window_begin_ = now;
    window_received_ = received_;
    silence_ = fmt::format("less than {} bytes a second came for {} s",
                           request_.stall_bytes_per_second, std::lround(seconds));
    return rate < static_cast<double>(request_.stall_bytes_per_second);
  }

  HttpOutcome finished() {
    int left = 0;
    const CURLMsg* const message = ::curl_multi_info_read(libcurl_.multi, &left);
    const CURLcode code = message == nullptr ? CURLE_RECV_ERROR : message->data.result;
    if (head_bytes_ > max_head_bytes) return ended(Transport::malformed, "its head has no end");
    if (body_ == Body::break_off) return ended(Transport::broken_off, "");
    if (code == CURLE_OK) return ended(Transport::complete, "");
    return ended(transport_of(code), words_of(code));
  }

  [[nodiscard]] std::string words_of(CURLcode code) const {
    const std::string words(libcurl_.words.data());
    // A proxy's address that cannot be read is quoted as it was given, with a user's password.
    const bool is_safe = words.find('@') == std::string::npos;
    return words.empty() || !is_safe ? ::curl_easy_strerror(code) : words;
  }

  HttpOutcome ended(Transport transport, std::string words) {
    return {.transport = transport, .head = std::move(head_), .words = std::move(words)};
  }

  Libcurl& libcurl_;
  const HttpRequest& request_;
  const Handlers& handlers_;
  List fields_;
  HttpHead head_;
  Body body_ = Body::skip;
  std::exception_ptr failure_;
  std::size_t head_bytes_ = 0;
  std::size_t skipped_ = 0;
  std::uint64_t received_ = 0;

  std::uint64_t last_news_ = 0;
  SteadyClock::time_point last_time_ = SteadyClock::now();
  SteadyClock::time_point window_begin_ = SteadyClock::now();
  std::uint64_t window_received_ = 0;
  std::string silence_;
};

HttpConnection::HttpConnection(const Certificates& certificates, const std::string& user_agent)
    : libcurl_(std::make_unique<Libcurl>()) {
  const Libcurl& libcurl = *libcurl_;
  libcurl.set(CURLOPT_ERRORBUFFER, libcurl_->words.data());
  libcurl.set(CURLOPT_NOSIGNAL, 1L);
  libcurl.set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a name server
  libcurl.set(CURLOPT_FOLLOWLOCATION, 0L);
  libcurl.set(CURLOPT_PROTOCOLS_STR, "http,https");
  libcurl.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  libcurl.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  libcurl.set(CURLOPT_TCP_KEEPALIVE, 1L);
  libcurl.set(CURLOPT_BUFFERSIZE, buffer_bytes);
  libcurl.set(CURLOPT_USERAGENT, user_agent.c_str());
  if (certificates.file || certificates.directory) {
    const auto or_none = [](const auto& path) { return path ? path->c_str() : nullptr; };
    libcurl.set(CURLOPT_CAINFO, or_none(certificates.file));
    libcurl.set(CURLOPT_CAPATH, or_none(certificates.directory));
  }
}

HttpConnection::~HttpConnection() = default;

HttpOutcome HttpConnection::perform(const HttpRequest& request, const Handlers& handlers) {
  return Exchange(*libcurl_, request, handlers).run();
}

}  // namespace gamma_extract
