#ifndef GAMMA_EXTRACT_HUB_REQUESTS_H_
#define GAMMA_EXTRACT_HUB_REQUESTS_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clock.h"
#include "gamma_extract/error.h"
#include "gamma_extract/observer.h"
#include "http_connection.h"
#include "hub_client.h"
#include "hub_refusal.h"
#include "hub_settings.h"
#include "url.h"

/// How the Hub is asked, whatever for: over several connections, along redirects, with the token
/// for the endpoint's origin alone, and again where that may help. What is asked, and what the
/// answers mean, is in hub_client.
namespace gamma_extract {

/// What the Hub says of a file, on the first answer that says it: the redirect, not its target.
struct Metadata {
  std::string commit;
  std::string etag;
  std::optional<std::uint64_t> size;
};

/// A try that went wrong and may go well the next time.
struct Failure {
  Fault fault;
  std::string why;
  std::string remedy;
  std::optional<std::chrono::seconds> asked{};  ///< how long the server wants us to wait
};

/// A request, with all of its redirects.
struct Question {
  HubQuestion who;
  Url url;
  bool head_only = false;
  std::chrono::milliseconds timeout;
  const StopFlag* cancelled = nullptr;
  std::vector<std::string> fields{};
  /// Whether a redirect need not be followed: it has said all.
  std::function<bool(const Metadata&)> is_answered{};
  std::function<Body(const HttpHead&)> head = [](const HttpHead&) { return Body::skip; };
  std::function<void(std::span<const std::byte>)> body{};
};

/// What came of a question.
struct Answer {
  HttpOutcome outcome;
  Metadata metadata;
  Url url;  ///< of the last answer; where a redirect was not followed, its target
};

/// An ETag without W/ and quotes.
std::string without_quotes(std::string_view etag);

/// The whole number in a field, if it holds one of at most 18 digits.
std::optional<std::uint64_t> number(const std::optional<std::string>& field);

/// libcurl, from the first client to the last.
class LibcurlInUse {
 public:
  LibcurlInUse();
  LibcurlInUse(const LibcurlInUse&) = delete;
  LibcurlInUse& operator=(const LibcurlInUse&) = delete;
  ~LibcurlInUse();
};

/// The requests of one repository. Safe to use from several threads.
class HubRequests {
 public:
  /// Where a token is known, the process leaves no core from here on.
  HubRequests(HubSettings settings, std::string repo, Observer observer, Clock clock);

  [[nodiscard]] const std::string& repo() const noexcept { return repo_; }
  [[nodiscard]] const HubSettings& settings() const noexcept { return settings_; }

  /// `text` without the token.
  [[nodiscard]] std::string scrubbed(const std::string& text) const;

  /// A question at the endpoint, about a file or, where that is empty, the repository.
  [[nodiscard]] Question question(const std::string& path, const std::string& revision,
                                  const std::string& file) const;

  /// Asks once, redirects followed. Throws redirect_invalid, Stopped, and what the question's
  /// handlers throw.
  Answer ask(const Question& question);

  /// What went wrong with an answer and may go well the next time. Nothing: it is whole, with a
  /// status that will not pass. Throws certificate_invalid and hub_answer_invalid.
  [[nodiscard]] std::optional<Failure> failure(const Answer& answer,
                                               const Question& question) const;

  /// Calls `attempt` until it does not fail, with a wait after each failure, and throws the last
  /// one's fault. `has_progressed`, asked after a failure, starts the count of tries anew.
  void persist(const Question& question, Retries retries,
               const std::function<std::optional<Failure>()>& attempt,
               const std::function<bool()>& has_progressed = {});

 private:
  class Lease;

  HttpOutcome exchange(HttpConnection& connection, const Question& question, const Url& url,
                       Metadata& metadata) const;
  [[nodiscard]] static Url next(const Question& question, const Url& from, const HttpHead& head);
  [[nodiscard]] std::optional<Failure> transport_failure(const Answer& answer,
                                                         const Question& question) const;
  [[nodiscard]] std::optional<Failure> passing_failure(const Answer& answer) const;
  void wait_for_next(const Question& question, const Failure& failure, std::size_t number,
                     std::chrono::seconds time);
  void hold(std::chrono::seconds time, const std::string& why);
  void await_turn(const Question& question);
  void check(const Question& question) const;

  const LibcurlInUse libcurl_;
  const HubSettings settings_;
  const Url endpoint_;
  const std::string repo_;
  const Observer observer_;
  const Clock clock_;

  std::mutex pool_mutex_;  // of the next three
  std::condition_variable returned_;
  std::vector<std::unique_ptr<HttpConnection>> idle_;
  unsigned made_ = 0;

  std::mutex hold_mutex_;
  std::optional<Instant> held_until_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HUB_REQUESTS_H_
