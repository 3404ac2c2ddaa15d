#include "hub_requests.h"

#include <curl/curl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <utility>

#include "no_core.h"
#include "retry.h"
#include "version.h"
#include "without_token.h"

namespace gamma_extract {
namespace {

// As Hugging Face's client has it. One that leads back to itself may lead on the next time.
constexpr std::size_t max_redirects = 20;

void add_metadata(const HttpHead& head, Metadata& metadata) {
  if (metadata.commit.empty()) metadata.commit = head.field("x-repo-commit").value_or("");
  if (metadata.etag.empty()) {
    metadata.etag = without_quotes(head.field("x-linked-etag").value_or(""));
  }
  if (!metadata.size) metadata.size = number(head.field("x-linked-size"));
}

/// An address that is one if the endpoint is.
Url url_of(const std::string& text) {
  if (auto url = Url::parse(text)) return *std::move(url);
  fail(Fault::endpoint_invalid, "HF_ENDPOINT: it is no address of the web; correct or unset it");
}

}  // namespace

std::string without_quotes(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

std::optional<std::uint64_t> number(const std::optional<std::string>& field) {
  constexpr std::size_t most_digits = 18;
  if (!field || field->empty() || field->size() > most_digits ||
      field->find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::stoull(*field);
}

LibcurlInUse::LibcurlInUse() {
  ::curl_global_init(CURL_GLOBAL_DEFAULT);
}

LibcurlInUse::~LibcurlInUse() {
  ::curl_global_cleanup();
}

/// A connection, taken from those that are idle or made, and given back at the end.
class HubRequests::Lease {
 public:
  Lease(HubRequests& requests, const Question& question) : requests_(requests) {
    constexpr auto slice = std::chrono::milliseconds(100);
    std::unique_lock lock(requests.pool_mutex_);
    while (requests.idle_.empty() && requests.made_ >= requests.settings_.connections) {
      requests.check(question);
      requests.returned_.wait_for(lock, slice);
    }
    if (!requests.idle_.empty()) {
      connection_ = std::move(requests.idle_.back());
      requests.idle_.pop_back();
      return;
    }
    const auto text = [](const auto& path) {
      return path ? std::optional(path->string()) : std::nullopt;
    };
    connection_ = std::make_unique<HttpConnection>(
        Certificates{.file = text(requests.settings_.certificate_file),
                     .directory = text(requests.settings_.certificate_directory)},
        fmt::format("gamma-extract/{}", version));
    ++requests.made_;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    {
      const std::lock_guard lock(requests_.pool_mutex_);
      requests_.idle_.push_back(std::move(connection_));
    }
    requests_.returned_.notify_one();
  }
  HttpConnection& operator*() const { return *connection_; }

 private:
  HubRequests& requests_;
  std::unique_ptr<HttpConnection> connection_;
};

HubRequests::HubRequests(HubSettings settings, std::string repo, Observer observer, Clock clock)
    : settings_(std::move(settings)),
      endpoint_(url_of(settings_.endpoint)),
      repo_(std::move(repo)),
      observer_(std::move(observer)),
      clock_(std::move(clock)) {
  if (settings_.token) forbid_core_dumps();
}

std::string HubRequests::scrubbed(const std::string& text) const {
  return settings_.token ? without_token(text, *settings_.token) : text;
}

void HubRequests::check(const Question& question) const {
  observer_.stop.check();
  if (question.cancelled != nullptr) question.cancelled->check();
}

Question HubRequests::question(const std::string& path, const std::string& revision,
                               const std::string& file) const {
  return {.who = {.what = file.empty() ? repo_ : fmt::format("{}/{}", repo_, file),
                  .page = url_of(settings_.endpoint + "/" + repo_).shown(),
                  .revision = revision,
                  .has_token = settings_.token.has_value()},
          .url = url_of(settings_.endpoint + path),
          .timeout = settings_.question_timeout};
}

Answer HubRequests::ask(const Question& question) {
  const Lease connection(*this, question);
  await_turn(question);
  Answer answer{.outcome = {}, .metadata = {}, .url = question.url};
  for (std::size_t redirects = 0;; ++redirects) {
    if (redirects > max_redirects) {
      fail(Fault::redirect_invalid,
           "{}: the server redirects in a circle, or too often, last to {}; check HF_ENDPOINT, or "
           "try again later",
           question.who.what, answer.url.shown());
    }
    answer.outcome = exchange(*connection, question, answer.url, answer.metadata);
    const HttpHead& head = answer.outcome.head;
    // A long body is not read to its end.
    const bool is_over = answer.outcome.transport == Transport::complete ||
                         answer.outcome.transport == Transport::broken_off;
    if (!is_over || !head.is_redirect()) return answer;
    answer.url = next(question, answer.url, head);
    if (question.is_answered && question.is_answered(answer.metadata)) return answer;
  }
}

HttpOutcome HubRequests::exchange(HttpConnection& connection, const Question& question,
                                  const Url& url, Metadata& metadata) const {
  std::vector<std::string> fields = question.fields;
  // With gzip the CDN ignores Range.
  fields.emplace_back("Accept-Encoding: identity");
  if (settings_.token && url.origin() == endpoint_.origin()) {
    fields.push_back("Authorization: Bearer " + *settings_.token);
  }
  const HttpRequest request{.url = url,
                            .head_only = question.head_only,
                            .fields = std::move(fields),
                            .timeout = question.timeout,
                            .stall_bytes_per_second = settings_.stall_bytes_per_second,
                            .stall_time = settings_.stall_time};
  HttpOutcome outcome = connection.perform(
      request, {.head =
                    [&](const HttpHead& head) {
                      add_metadata(head, metadata);
                      return head.is_redirect() ? Body::skip : question.head(head);
                    },
                .body = question.body,
                .check = [&] { check(question); }});
  // A message may hold a part of this, and a part of a token is not known again.
  if (const auto words = outcome.head.fields.find("x-error-message");
      words != outcome.head.fields.end()) {
    words->second = scrubbed(words->second);
  }
  return outcome;
}

Url HubRequests::next(const Question& question, const Url& from, const HttpHead& head) {
  if (auto url = from.follow(head.field("location").value_or(""))) return *std::move(url);
  fail(Fault::redirect_invalid,
       "{}: {} redirects to what is no address of the web; check HF_ENDPOINT, or try again later",
       question.who.what, from.shown());
}

// What may go well the next time.

std::optional<Failure> HubRequests::transport_failure(const Answer& answer,
                                                      const Question& question) const {
  const std::string& host = answer.url.host();
  const std::string& words = answer.outcome.words;
  switch (answer.outcome.transport) {
    case Transport::complete:
    case Transport::broken_off:
      return std::nullopt;
    case Transport::unreachable:
      return Failure{
          .fault = Fault::network_unreachable,
          .why = fmt::format("cannot reach {} ({})", host, words),
          .remedy = fmt::format("check the network{}, or use --offline with what a cache has",
                                settings_.proxy_variable
                                    ? fmt::format(" and the proxy in {}", *settings_.proxy_variable)
                                    : "")};
    case Transport::timeout:
      return Failure{
          .fault = Fault::network_timeout,
          .why = fmt::format("{} does not go on ({})", host, words),
          .remedy = fmt::format("try again, or wait longer for it (HF_HUB_{}_TIMEOUT, in seconds)",
                                question.head_only ? "ETAG" : "DOWNLOAD")};
    case Transport::interrupted:
      return Failure{.fault = Fault::network_interrupted,
                     .why = fmt::format("the connection to {} broke off ({})", host, words),
                     .remedy = "try again"};
    case Transport::certificate:
      fail(Fault::certificate_invalid,
           "{}: {} cannot prove who it is ({}); if your network has certificates of its own, name "
           "them in SSL_CERT_FILE",
           question.who.what, host, words);
    case Transport::malformed:
      fail(Fault::hub_answer_invalid,
           "{}: what {} answers is no HTTP ({}); check HF_ENDPOINT and the proxy",
           question.who.what, host, words);
  }
  return std::nullopt;
}

std::optional<Failure> HubRequests::passing_failure(const Answer& answer) const {
  const HttpHead& head = answer.outcome.head;
  if (!is_passing(head.status)) return std::nullopt;
  const bool limited = head.status == 429;
  return Failure{.fault = limited ? Fault::hub_rate_limited : Fault::hub_unavailable,
                 .why = fmt::format("{} answers {}{}", answer.url.host(), head.status,
                                    limited ? ", too many requests" : ""),
                 .remedy = limited ? "wait some minutes; with a token (HF_TOKEN) more are allowed"
                                   : "try again later",
                 .asked = asked_wait(head, clock_.time_of_day())};
}

std::optional<Failure> HubRequests::failure(const Answer& answer, const Question& question) const {
  if (auto failed = transport_failure(answer, question)) return failed;
  return passing_failure(answer);
}

void HubRequests::persist(const Question& question, Retries retries,
                          const std::function<std::optional<Failure>()>& attempt,
                          const std::function<bool()>& has_progressed) {
  for (std::size_t number = 1;; ++number) {
    const std::optional<Failure> failed = attempt();
    if (!failed) return;
    if (has_progressed && has_progressed()) number = 1;
    const auto wait = wait_after(number);
    const bool too_long = failed->asked && *failed->asked > longest_wait;
    if (retries == Retries::none || too_long || !wait) {
      const std::string tries = number == 1 ? "" : fmt::format(", {} times", number);
      const std::string remedy =
          too_long ? fmt::format("it asks to wait {} s: run again after {:%H:%M}",
                                 failed->asked->count(),
                                 fmt::localtime(clock_.time_of_day() + failed->asked->count() + 60))
                   : failed->remedy;
      fail(failed->fault, "{}: {}{}; {}", question.who.what, failed->why, tries, remedy);
    }
    wait_for_next(question, *failed, number, *wait);
  }
}

void HubRequests::wait_for_next(const Question& question, const Failure& failure,
                                std::size_t number, std::chrono::seconds time) {
  if (failure.asked) {
    hold(*failure.asked, fmt::format("{}: {}", question.who.what, failure.why));
    return;  // the next try waits for it, and so do all others
  }
  const std::string words = scrubbed(
      fmt::format("{}: {}; try {} of {}", question.who.what, failure.why, number + 1, max_tries));
  const Instant end = clock_.now() + time;
  clock_.wait(time, [&] {
    check(question);
    const auto left = std::chrono::ceil<std::chrono::seconds>(end - clock_.now());
    observer_.progress.note.set(
        fmt::format("{} in {} s", words, std::max<std::int64_t>(left.count(), 0)));
  });
  observer_.progress.note.clear();
}

/// Lets nobody ask for so long, and says so.
void HubRequests::hold(std::chrono::seconds time, const std::string& why) {
  const Instant until = clock_.now() + time;
  {
    const std::lock_guard lock(hold_mutex_);
    // Others may have been told the same.
    const bool known = held_until_ && until <= *held_until_ + std::chrono::seconds(1);
    if (known) return;
    held_until_ = until;
  }
  const std::time_t end = clock_.time_of_day() + time.count();
  observer_.warn(scrubbed(fmt::format("{}; waiting until {:%H:%M:%S} ({} s), as it asks", why,
                                      fmt::localtime(end), time.count())));
}

void HubRequests::await_turn(const Question& question) {
  std::unique_lock lock(hold_mutex_);
  while (held_until_) {
    const Instant until = *held_until_;
    lock.unlock();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock_.now());
    if (left.count() > 0) clock_.wait(left, [&] { check(question); });
    lock.lock();
    // Meanwhile another may have been told to wait longer.
    if (held_until_ == until) held_until_.reset();
  }
}

}  // namespace gamma_extract
