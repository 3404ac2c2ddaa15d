#include "hub_client.h"

#include <curl/curl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>
#include <utility>

#include "http_connection.h"
#include "hub_refusal.h"
#include "model_cache.h"
#include "no_core.h"
#include "retry.h"
#include "url.h"
#include "version.h"
#include "without_token.h"

namespace gamma_extract {
namespace {

using Clock = std::chrono::steady_clock;

// As Hugging Face's client has it. One that leads back to itself may lead on the next time.
constexpr std::size_t max_redirects = 20;
constexpr std::uint64_t max_listing_bytes = 64'000'000;
// Fewer bytes than these are no sign that the next try will go better.
constexpr std::uint64_t progress_bytes = 64ULL * 1024;

/// What the Hub says of a file, on the first answer that says it: the redirect, not its target.
struct Metadata {
  std::string commit;
  std::string etag;
  std::optional<std::uint64_t> size;
};

/// Where the bytes of a file are.
struct Link {
  Url url;
  std::string etag;
  std::uint64_t size = 0;
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

/// What came of it.
struct Answer {
  HttpOutcome outcome;
  Metadata metadata;
  Url url;  ///< of the last answer; where a redirect was not followed, its target
};

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

void require_identity(const HttpHead& head, const std::string& what) {
  const std::string encoding = head.field("content-encoding").value_or("identity");
  if (encoding == "identity") return;
  fail(Fault::encoding_not_identity,
       "{}: the server sends it compressed ({}), though nobody asked for that; a proxy or a mirror "
       "on the way does that: use another (HF_ENDPOINT)",
       what, encoding);
}

void add_metadata(const HttpHead& head, Metadata& metadata) {
  if (metadata.commit.empty()) metadata.commit = head.field("x-repo-commit").value_or("");
  if (metadata.etag.empty()) {
    metadata.etag = without_quotes(head.field("x-linked-etag").value_or(""));
  }
  if (!metadata.size) metadata.size = number(head.field("x-linked-size"));
}

/// What the last answer says of itself, where nothing before it has said more.
void add_own_metadata(const HttpHead& head, Metadata& metadata) {
  if (metadata.etag.empty()) metadata.etag = without_quotes(head.field("etag").value_or(""));
  if (!metadata.size) metadata.size = number(head.field("content-length"));
}

/// An address that is one if the endpoint is.
Url url_of(const std::string& text) {
  if (auto url = Url::parse(text)) return *std::move(url);
  fail(Fault::endpoint_invalid, "HF_ENDPOINT: it is no address of the web; correct or unset it");
}

/// The names of files in what the Hub says of a repository.
std::vector<std::string> names_in(const std::string& text, const std::string& what) {
  const auto listing = nlohmann::json::parse(text, nullptr, false);
  if (!listing.is_object() || !listing.contains("siblings")) {
    fail(Fault::hub_answer_invalid,
         "{}: asked for its files, the server answers with what is no list of them; check "
         "HF_ENDPOINT",
         what);
  }
  std::vector<std::string> names;
  for (const auto& file : listing.at("siblings")) {
    if (!file.is_object() || !file.contains("rfilename")) continue;
    if (file.at("rfilename").is_string()) names.push_back(file.at("rfilename"));
  }
  return names;
}

/// libcurl, from the first client to the last.
class LibcurlInUse {
 public:
  LibcurlInUse() { ::curl_global_init(CURL_GLOBAL_DEFAULT); }
  LibcurlInUse(const LibcurlInUse&) = delete;
  LibcurlInUse& operator=(const LibcurlInUse&) = delete;
  ~LibcurlInUse() { ::curl_global_cleanup(); }
};

void really_wait(std::chrono::milliseconds time, const std::function<void()>& check) {
  constexpr auto slice = std::chrono::milliseconds(100);
  const auto end = Clock::now() + time;
  check();
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    std::this_thread::sleep_for(
        std::min(slice, std::chrono::ceil<std::chrono::milliseconds>(end - now)));
    check();
  }
}

}  // namespace

class HubClient::State {
 public:
  State(HubSettings settings, std::string repo, Observer observer, Wait wait)
      : settings_(std::move(settings)),
        endpoint_(url_of(settings_.endpoint)),
        repo_(std::move(repo)),
        observer_(std::move(observer)),
        wait_(wait ? std::move(wait) : really_wait) {
    if (settings_.token) forbid_core_dumps();
  }

  std::string commit_of(const std::string& revision, Retries retries);
  std::optional<HubText> read_text(const std::string& commit, const std::string& file,
                                   std::uint64_t limit);
  std::optional<Link> resolve(const std::string& commit, const std::string& file,
                              const StopFlag* cancelled);
  std::vector<std::string> names(const std::string& commit);
  void read_range(const std::string& commit, const HubFile& file, std::uint64_t begin,
                  std::uint64_t end, const ByteSink& sink, const StopFlag& cancelled);

  /// `text` without the token.
  [[nodiscard]] std::string scrubbed(const std::string& text) const {
    return settings_.token ? without_token(text, *settings_.token) : text;
  }

 private:
  class Lease;
  class RangeReading;

  [[nodiscard]] Question question(const std::string& path, const std::string& revision,
                                  const std::string& file) const;
  [[nodiscard]] Url address(const std::string& path) const;
  Answer ask(const Question& question);
  HttpOutcome exchange(HttpConnection& connection, const Question& question, const Url& url,
                       Metadata& metadata) const;
  [[nodiscard]] static Url next(const Question& question, const Url& from, const HttpHead& head);
  [[nodiscard]] std::optional<Failure> transport_failure(const Answer& answer,
                                                         const Question& question) const;
  [[nodiscard]] static std::optional<Failure> passing_failure(const Answer& answer);
  /// Nothing: the answer is whole, with a status that will not pass.
  [[nodiscard]] std::optional<Failure> failure(const Answer& answer,
                                               const Question& question) const;

  void persist(const Question& question, Retries retries,
               const std::function<std::optional<Failure>()>& attempt,
               const std::function<bool()>& has_progressed = {});
  void wait_for_next(const Question& question, const Failure& failure, std::size_t number,
                     std::chrono::seconds time);
  void hold(std::chrono::seconds time, const std::string& why);
  void await_turn(const Question& question);
  void check(const Question& question) const {
    observer_.stop.check();
    if (question.cancelled != nullptr) question.cancelled->check();
  }
  void take_text(Question& asked, std::string& text, std::uint64_t limit,
                 std::string_view subject) const;
  static void require_commit(const Question& question, const Metadata& metadata,
                             const std::string& commit);
  Link link_of(const std::string& commit, const HubFile& file, const StopFlag& cancelled);
  void forget_link(const std::string& commit, const std::string& file, const Url& url);

  const LibcurlInUse libcurl_;
  const HubSettings settings_;
  const Url endpoint_;
  const std::string repo_;
  const Observer observer_;
  const Wait wait_;

  std::mutex pool_mutex_;  // of the next three
  std::condition_variable returned_;
  std::vector<std::unique_ptr<HttpConnection>> idle_;
  unsigned made_ = 0;

  std::mutex links_mutex_;
  std::map<std::pair<std::string, std::string>, Link> links_;  // by commit and file

  std::mutex hold_mutex_;
  std::optional<Clock::time_point> held_until_;
};

/// A connection, taken from those that are idle or made, and given back at the end.
class HubClient::State::Lease {
 public:
  Lease(State& state, const Question& question) : state_(state) {
    constexpr auto slice = std::chrono::milliseconds(100);
    std::unique_lock lock(state.pool_mutex_);
    while (state.idle_.empty() && state.made_ >= state.settings_.connections) {
      state.check(question);
      state.returned_.wait_for(lock, slice);
    }
    if (!state.idle_.empty()) {
      connection_ = std::move(state.idle_.back());
      state.idle_.pop_back();
      return;
    }
    const auto text = [](const auto& path) {
      return path ? std::optional(path->string()) : std::nullopt;
    };
    connection_ = std::make_unique<HttpConnection>(
        Certificates{.file = text(state.settings_.certificate_file),
                     .directory = text(state.settings_.certificate_directory)},
        fmt::format("gamma-extract/{}", version));
    ++state.made_;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    {
      const std::lock_guard lock(state_.pool_mutex_);
      state_.idle_.push_back(std::move(connection_));
    }
    state_.returned_.notify_one();
  }
  HttpConnection& operator*() const { return *connection_; }

 private:
  State& state_;
  std::unique_ptr<HttpConnection> connection_;
};

// Questions.

Url HubClient::State::address(const std::string& path) const {
  return url_of(settings_.endpoint + path);
}

/// About a file or, where that is empty, the repository.
Question HubClient::State::question(const std::string& path, const std::string& revision,
                                    const std::string& file) const {
  return {.who = {.what = file.empty() ? repo_ : fmt::format("{}/{}", repo_, file),
                  .page = address("/" + repo_).shown(),
                  .revision = revision,
                  .has_token = settings_.token.has_value()},
          .url = address(path),
          .timeout = settings_.question_timeout};
}

Answer HubClient::State::ask(const Question& question) {
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

HttpOutcome HubClient::State::exchange(HttpConnection& connection, const Question& question,
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

Url HubClient::State::next(const Question& question, const Url& from, const HttpHead& head) {
  if (auto url = from.follow(head.field("location").value_or(""))) return *std::move(url);
  fail(Fault::redirect_invalid,
       "{}: {} redirects to what is no address of the web; check HF_ENDPOINT, or try again later",
       question.who.what, from.shown());
}

// What may go well the next time.

std::optional<Failure> HubClient::State::transport_failure(const Answer& answer,
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

std::optional<Failure> HubClient::State::passing_failure(const Answer& answer) {
  const HttpHead& head = answer.outcome.head;
  if (!is_passing(head.status)) return std::nullopt;
  const bool limited = head.status == 429;
  return Failure{.fault = limited ? Fault::hub_rate_limited : Fault::hub_unavailable,
                 .why = fmt::format("{} answers {}{}", answer.url.host(), head.status,
                                    limited ? ", too many requests" : ""),
                 .remedy = limited ? "wait some minutes; with a token (HF_TOKEN) more are allowed"
                                   : "try again later",
                 .asked = asked_wait(head, std::time(nullptr))};
}

std::optional<Failure> HubClient::State::failure(const Answer& answer,
                                                 const Question& question) const {
  if (auto failed = transport_failure(answer, question)) return failed;
  return passing_failure(answer);
}

void HubClient::State::persist(const Question& question, Retries retries,
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
                                 fmt::localtime(std::time(nullptr) + failed->asked->count() + 60))
                   : failed->remedy;
      fail(failed->fault, "{}: {}{}; {}", question.who.what, failed->why, tries, remedy);
    }
    wait_for_next(question, *failed, number, *wait);
  }
}

void HubClient::State::wait_for_next(const Question& question, const Failure& failure,
                                     std::size_t number, std::chrono::seconds time) {
  if (failure.asked) {
    hold(*failure.asked, fmt::format("{}: {}", question.who.what, failure.why));
    return;  // the next try waits for it, and so do all others
  }
  observer_.progress.note.set(
      scrubbed(fmt::format("{}: {}; try {} of {} in {} s", question.who.what, failure.why,
                           number + 1, max_tries, time.count())));
  wait_(time, [&] { check(question); });
  observer_.progress.note.clear();
}

/// Lets nobody ask for so long, and says so.
void HubClient::State::hold(std::chrono::seconds time, const std::string& why) {
  const auto until = Clock::now() + time;
  {
    const std::lock_guard lock(hold_mutex_);
    // Others may have been told the same.
    const bool known = held_until_ && until <= *held_until_ + std::chrono::seconds(1);
    if (known) return;
    held_until_ = until;
  }
  const std::time_t end = std::time(nullptr) + time.count();
  observer_.warn(scrubbed(fmt::format("{}; waiting until {:%H:%M:%S} ({} s), as it asks", why,
                                      fmt::localtime(end), time.count())));
}

void HubClient::State::await_turn(const Question& question) {
  std::unique_lock lock(hold_mutex_);
  while (held_until_) {
    const auto until = *held_until_;
    lock.unlock();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() > 0) wait_(left, [&] { check(question); });
    lock.lock();
    // Meanwhile another may have been told to wait longer.
    if (held_until_ == until) held_until_.reset();
  }
}

// The Hub's answers.

std::string HubClient::State::commit_of(const std::string& revision, Retries retries) {
  Question asked = question(
      fmt::format("/{}/resolve/{}/config.json", repo_, percent_encoded(revision)), revision, "");
  asked.head_only = true;
  asked.is_answered = [](const Metadata& metadata) { return !metadata.commit.empty(); };
  std::string commit;
  persist(asked, retries, [&]() -> std::optional<Failure> {
    const Answer answer = ask(asked);
    if (auto failed = failure(answer, asked)) return failed;
    const HttpHead& head = answer.outcome.head;
    if (head.status >= 400 && !is_entry_missing(head)) throw refusal(head, asked.who);
    commit = answer.metadata.commit;
    return std::nullopt;
  });
  if (is_commit(commit)) return commit;
  fail(Fault::hub_answer_invalid,
       "{}: the server does not say which commit {} is (X-Repo-Commit{}), so it is no Hub; check "
       "HF_ENDPOINT",
       repo_, revision, commit.empty() ? " is missing" : fmt::format(": \"{}\"", commit));
}

void HubClient::State::require_commit(const Question& question, const Metadata& metadata,
                                      const std::string& commit) {
  if (metadata.commit == commit) return;
  fail(Fault::hub_answer_invalid,
       "{}: asked for it at commit {}, the server answers {}; check HF_ENDPOINT", question.who.what,
       commit,
       metadata.commit.empty() ? "without a commit (X-Repo-Commit)"
                               : fmt::format("for \"{}\"", metadata.commit));
}

/// Has the body of a 200 appended to `text`, which is emptied before each try. `subject` begins
/// what is said of one that is too large.
void HubClient::State::take_text(Question& asked, std::string& text, std::uint64_t limit,
                                 std::string_view subject) const {
  asked.timeout = settings_.download_timeout;
  const std::string what = asked.who.what;
  const auto require_room = [=](std::uint64_t bytes) {
    if (bytes <= limit) return;
    fail(Fault::hub_answer_too_large,
         "{}: {} more than the {} bytes that such a file may have; check the model", what, subject,
         limit);
  };
  asked.head = [&text, what, require_room](const HttpHead& head) {
    text.clear();
    if (head.status != 200) return Body::skip;
    require_identity(head, what);
    require_room(number(head.field("content-length")).value_or(0));
    return Body::take;
  };
  asked.body = [&text, require_room](std::span<const std::byte> bytes) {
    require_room(text.size() + bytes.size());
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
}

std::optional<HubText> HubClient::State::read_text(const std::string& commit,
                                                   const std::string& file, std::uint64_t limit) {
  Question asked = question(
      fmt::format("/{}/resolve/{}/{}", repo_, commit, percent_encoded_path(file)), commit, file);
  std::string text;
  take_text(asked, text, limit, "it has");
  std::optional<HubText> result;
  persist(asked, Retries::all, [&]() -> std::optional<Failure> {
    Answer answer = ask(asked);
    if (auto failed = failure(answer, asked)) return failed;
    if (is_entry_missing(answer.outcome.head)) return std::nullopt;
    if (answer.outcome.head.status != 200) throw refusal(answer.outcome.head, asked.who);
    require_commit(asked, answer.metadata, commit);
    if (answer.metadata.size.value_or(text.size()) != text.size()) {
      fail(Fault::hub_answer_invalid,
           "{}: the Hub says that it has {} bytes, and the server sends {}; check HF_ENDPOINT",
           asked.who.what, *answer.metadata.size, text.size());
    }
    add_own_metadata(answer.outcome.head, answer.metadata);
    result = HubText{.text = std::move(text), .etag = answer.metadata.etag};
    return std::nullopt;
  });
  return result;
}

std::optional<Link> HubClient::State::resolve(const std::string& commit, const std::string& file,
                                              const StopFlag* cancelled) {
  Question asked = question(
      fmt::format("/{}/resolve/{}/{}", repo_, commit, percent_encoded_path(file)), commit, file);
  asked.head_only = true;
  asked.cancelled = cancelled;
  asked.is_answered = [](const Metadata& metadata) {
    return !metadata.commit.empty() && !metadata.etag.empty() && metadata.size.has_value();
  };
  std::optional<Link> link;
  persist(asked, Retries::all, [&]() -> std::optional<Failure> {
    Answer answer = ask(asked);
    if (auto failed = failure(answer, asked)) return failed;
    const HttpHead& head = answer.outcome.head;
    if (is_entry_missing(head)) return std::nullopt;
    if (head.status != 200 && !head.is_redirect()) throw refusal(head, asked.who);
    require_commit(asked, answer.metadata, commit);
    if (head.status == 200) add_own_metadata(head, answer.metadata);
    if (answer.metadata.etag.empty() || !answer.metadata.size) {
      fail(Fault::hub_answer_invalid,
           "{}: the server does not say which file it is, and how large (ETag, X-Linked-Size); "
           "check HF_ENDPOINT",
           asked.who.what);
    }
    link = Link{.url = answer.url, .etag = answer.metadata.etag, .size = *answer.metadata.size};
    return std::nullopt;
  });
  if (link) {
    const std::lock_guard lock(links_mutex_);
    links_.insert_or_assign({commit, file}, *link);
  }
  return link;
}

std::vector<std::string> HubClient::State::names(const std::string& commit) {
  Question asked = question(fmt::format("/api/models/{}/revision/{}", repo_, commit), commit, "");
  std::string text;
  take_text(asked, text, max_listing_bytes, "the list of its files has");
  persist(asked, Retries::all, [&]() -> std::optional<Failure> {
    const Answer answer = ask(asked);
    if (auto failed = failure(answer, asked)) return failed;
    if (answer.outcome.head.status != 200) throw refusal(answer.outcome.head, asked.who);
    return std::nullopt;
  });
  return names_in(text, asked.who.what);
}

// Ranges.

/// Reads a range, over as many tries as it takes.
class HubClient::State::RangeReading {
 public:
  RangeReading(State& state, const std::string& commit, const HubFile& file, std::uint64_t begin,
               std::uint64_t end, const ByteSink& sink, const StopFlag& cancelled)
      : state_(state),
        commit_(commit),
        file_(file),
        reached_(begin),
        marked_(begin),
        end_(end),
        sink_(sink),
        cancelled_(cancelled),
        asked_(state.question("/", commit, file.name)) {
    asked_.timeout = state_.settings_.download_timeout;
    asked_.cancelled = &cancelled_;
    asked_.head = [this](const HttpHead& head) { return judge(head); };
    asked_.body = [this](std::span<const std::byte> bytes) { take(bytes); };
  }
  RangeReading(const RangeReading&) = delete;
  RangeReading& operator=(const RangeReading&) = delete;
  ~RangeReading() = default;

  void run() {
    if (reached_ == end_) return;
    state_.persist(
        asked_, Retries::all, [&] { return attempt(); }, [&] { return has_progressed(); });
  }

 private:
  std::optional<Failure> attempt() {
    while (true) {
      const Link link = state_.link_of(commit_, file_, cancelled_);
      asked_.url = link.url;
      asked_.fields = {fmt::format("Range: bytes={}-{}", reached_, end_ - 1)};
      const Answer answer = state_.ask(asked_);
      if (reached_ == end_) return std::nullopt;  // however the answer ended
      if (auto failed = state_.failure(answer, asked_)) {
        failed->why = fmt::format("at byte {}, {}", reached_, failed->why);
        if (failed->fault == Fault::network_interrupted) failed->remedy = kept_remedy;
        return failed;
      }
      const HttpHead& head = answer.outcome.head;
      if (head.status == 206) return ended_early(answer);
      // A signed link that has expired; once without a byte between is enough.
      if (head.status != 403) throw refusal(head, asked_.who);
      if (reached_ == renewed_at_) fail_refused_link(link);
      renewed_at_ = reached_;
      state_.forget_link(commit_, file_.name, link.url);
    }
  }

  [[noreturn]] void fail_refused_link(const Link& link) const {
    fail(Fault::hub_refused,
         "{}: {} refuses (403) a link that the Hub has just made; check this machine's clock and "
         "the proxy, or try again later",
         asked_.who.what, link.url.host());
  }

  static constexpr const char* kept_remedy = "try again: what was fetched of the matrix is kept";

  [[nodiscard]] Failure ended_early(const Answer& answer) const {
    return Failure{.fault = Fault::network_interrupted,
                   .why = fmt::format("{} ended its answer at byte {} of {}", answer.url.host(),
                                      reached_, end_),
                   .remedy = kept_remedy};
  }

  bool has_progressed() {
    // Of each try by itself: a server that trickles would add up.
    return reached_ - std::exchange(marked_, reached_) >= progress_bytes;
  }

  void take(std::span<const std::byte> bytes) {
    if (bytes.size() > end_ - reached_) {
      fail(Fault::range_not_honoured,
           "{}: the server sends more bytes than were asked for; a proxy or a mirror on the way "
           "does that: use another (HF_ENDPOINT)",
           asked_.who.what);
    }
    sink_(reached_, bytes);
    reached_ += bytes.size();
  }

  [[nodiscard]] Body judge(const HttpHead& head) const {
    const std::string& what = asked_.who.what;
    if (head.status != 206 && head.status != 200 && head.status != 416) return Body::skip;
    const std::string wanted = fmt::format("bytes {}-{}/{}", reached_, end_ - 1, file_.size);
    const std::string given = head.field("content-range").value_or("");
    if (head.status != 206 || given != wanted) {
      fail(Fault::range_not_honoured,
           "{}: asked for the {}, the server answers {} with {}; it, or a proxy or mirror on the "
           "way, does not give ranges: use another (HF_ENDPOINT), or download the file",
           what, wanted, head.status, given.empty() ? "no range" : given);
    }
    require_identity(head, what);
    const auto length = number(head.field("content-length"));
    if (length && *length != end_ - reached_) {
      fail(Fault::range_not_honoured, "{}: asked for {} bytes, the server announces {}; {}", what,
           end_ - reached_, *length,
           "a proxy or a mirror on the way does that: use another (HF_ENDPOINT)");
    }
    return Body::take;
  }

  State& state_;
  const std::string& commit_;
  const HubFile& file_;
  std::uint64_t reached_;
  std::uint64_t marked_;  // where the last try ended
  std::optional<std::uint64_t> renewed_at_;
  const std::uint64_t end_;
  const ByteSink& sink_;
  const StopFlag& cancelled_;
  Question asked_;
};

void HubClient::State::read_range(const std::string& commit, const HubFile& file,
                                  std::uint64_t begin, std::uint64_t end, const ByteSink& sink,
                                  const StopFlag& cancelled) {
  RangeReading(*this, commit, file, begin, end, sink, cancelled).run();
}

/// The link to the file, made anew where there is none, and only to the very same file.
Link HubClient::State::link_of(const std::string& commit, const HubFile& file,
                               const StopFlag& cancelled) {
  std::optional<Link> link;
  {
    const std::lock_guard lock(links_mutex_);
    const auto found = links_.find({commit, file.name});
    if (found != links_.end()) link = found->second;
  }
  if (!link) link = resolve(commit, file.name, &cancelled);
  if (link && link->etag == file.etag && link->size == file.size) return *std::move(link);
  fail(Fault::hub_file_changed,
       "{}/{}: at commit {} it was {} with {} bytes, and now it is {}; run again to take what is "
       "there now",
       repo_, file.name, commit, file.etag, file.size,
       link ? fmt::format("{} with {}", link->etag, link->size) : "not there");
}

/// Unless another has made it anew meanwhile.
void HubClient::State::forget_link(const std::string& commit, const std::string& file,
                                   const Url& url) {
  const std::lock_guard lock(links_mutex_);
  const auto found = links_.find({commit, file});
  if (found != links_.end() && found->second.url.text() == url.text()) links_.erase(found);
}

// The door: what leaves it does not hold the token.

namespace {

template <class State, class Work>
auto behind(State& state, const Work& work) {
  try {
    return work(state);
  } catch (const Error& error) {
    throw Error(error.fault(), state.scrubbed(error.what()));
  }
}

}  // namespace

HubClient::HubClient(HubSettings settings, std::string repo, Observer observer, Wait wait)
    : state_(std::make_unique<State>(std::move(settings), std::move(repo), std::move(observer),
                                     std::move(wait))) {}

HubClient::~HubClient() = default;

std::string HubClient::commit_of(const std::string& revision, Retries retries) const {
  return behind(*state_, [&](State& state) { return state.commit_of(revision, retries); });
}

std::optional<HubText> HubClient::read_text(const std::string& commit, const std::string& file,
                                            std::uint64_t limit) const {
  return behind(*state_, [&](State& state) { return state.read_text(commit, file, limit); });
}

std::optional<HubFile> HubClient::find(const std::string& commit, const std::string& file) const {
  return behind(*state_, [&](State& state) -> std::optional<HubFile> {
    const auto link = state.resolve(commit, file, nullptr);
    if (!link) return std::nullopt;
    return HubFile{.name = file, .etag = link->etag, .size = link->size};
  });
}

std::vector<std::string> HubClient::names(const std::string& commit) const {
  return behind(*state_, [&](State& state) { return state.names(commit); });
}

void HubClient::read_range(const std::string& commit, const HubFile& file, std::uint64_t begin,
                           std::uint64_t end, const ByteSink& sink,
                           const StopFlag& cancelled) const {
  behind(*state_,
         [&](State& state) { state.read_range(commit, file, begin, end, sink, cancelled); });
}

}  // namespace gamma_extract
