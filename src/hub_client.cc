#include "hub_client.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "hub_refusal.h"
#include "hub_requests.h"
#include "model_cache.h"
#include "url.h"

namespace gamma_extract {
namespace {

constexpr std::uint64_t max_listing_bytes = 64'000'000;
// Fewer bytes than these are no sign that the next try will go better.
constexpr std::uint64_t progress_bytes = 64ULL * 1024;

/// Where the bytes of a file are.
struct Link {
  Url url;
  std::string etag;
  std::uint64_t size = 0;
};

void require_identity(const HttpHead& head, const std::string& what) {
  const std::string encoding = head.field("content-encoding").value_or("identity");
  if (encoding == "identity") return;
  fail(Fault::encoding_not_identity,
       "{}: the server sends it compressed ({}), though nobody asked for that; a proxy or a mirror "
       "on the way does that: use another (HF_ENDPOINT)",
       what, encoding);
}

/// What the last answer says of itself, where nothing before it has said more.
void add_own_metadata(const HttpHead& head, Metadata& metadata) {
  if (metadata.etag.empty()) metadata.etag = without_quotes(head.field("etag").value_or(""));
  if (!metadata.size) metadata.size = number(head.field("content-length"));
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

}  // namespace

class HubClient::State {
 public:
  State(HubSettings settings, std::string repo, Observer observer, Clock clock)
      : requests_(std::move(settings), std::move(repo), std::move(observer), std::move(clock)) {}

  std::string commit_of(const std::string& revision, Retries retries);
  std::optional<HubText> read_text(const std::string& commit, const std::string& file,
                                   std::uint64_t limit);
  std::optional<Link> resolve(const std::string& commit, const std::string& file,
                              const StopFlag* cancelled);
  std::vector<std::string> names(const std::string& commit);
  void read_range(const std::string& commit, const HubFile& file, std::uint64_t begin,
                  std::uint64_t end, const ByteSink& sink, const StopFlag& cancelled);

  [[nodiscard]] std::string scrubbed(const std::string& text) const {
    return requests_.scrubbed(text);
  }

 private:
  class RangeReading;

  [[nodiscard]] Question about_file(const std::string& commit, const std::string& file) const;
  void take_text(Question& asked, std::string& text, std::uint64_t limit,
                 std::string_view subject) const;
  static void require_commit(const Question& question, const Metadata& metadata,
                             const std::string& commit);
  Link link_of(const std::string& commit, const HubFile& file, const StopFlag& cancelled);
  void forget_link(const std::string& commit, const std::string& file, const Url& url);

  HubRequests requests_;
  std::mutex links_mutex_;
  std::map<std::pair<std::string, std::string>, Link> links_;  // by commit and file
};

Question HubClient::State::about_file(const std::string& commit, const std::string& file) const {
  return requests_.question(
      fmt::format("/{}/resolve/{}/{}", requests_.repo(), commit, percent_encoded_path(file)),
      commit, file);
}

std::string HubClient::State::commit_of(const std::string& revision, Retries retries) {
  Question asked = requests_.question(
      fmt::format("/{}/resolve/{}/config.json", requests_.repo(), percent_encoded(revision)),
      revision, "");
  asked.head_only = true;
  asked.is_answered = [](const Metadata& metadata) { return !metadata.commit.empty(); };
  std::string commit;
  requests_.persist(asked, retries, [&]() -> std::optional<Failure> {
    const Answer answer = requests_.ask(asked);
    if (auto failed = requests_.failure(answer, asked)) return failed;
    const HttpHead& head = answer.outcome.head;
    if (head.status >= 400 && !is_entry_missing(head)) throw refusal(head, asked.who);
    commit = answer.metadata.commit;
    return std::nullopt;
  });
  if (is_commit(commit)) return commit;
  fail(Fault::hub_answer_invalid,
       "{}: the server does not say which commit {} is (X-Repo-Commit{}), so it is no Hub; check "
       "HF_ENDPOINT",
       requests_.repo(), revision,
       commit.empty() ? " is missing" : fmt::format(": \"{}\"", commit));
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
  asked.timeout = requests_.settings().download_timeout;
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
  Question asked = about_file(commit, file);
  std::string text;
  take_text(asked, text, limit, "it has");
  std::optional<HubText> result;
  requests_.persist(asked, Retries::all, [&]() -> std::optional<Failure> {
    Answer answer = requests_.ask(asked);
    if (auto failed = requests_.failure(answer, asked)) return failed;
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
  Question asked = about_file(commit, file);
  asked.head_only = true;
  asked.cancelled = cancelled;
  asked.is_answered = [](const Metadata& metadata) {
    return !metadata.commit.empty() && !metadata.etag.empty() && metadata.size.has_value();
  };
  std::optional<Link> link;
  requests_.persist(asked, Retries::all, [&]() -> std::optional<Failure> {
    Answer answer = requests_.ask(asked);
    if (auto failed = requests_.failure(answer, asked)) return failed;
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
  Question asked = requests_.question(
      fmt::format("/api/models/{}/revision/{}", requests_.repo(), commit), commit, "");
  std::string text;
  take_text(asked, text, max_listing_bytes, "the list of its files has");
  requests_.persist(asked, Retries::all, [&]() -> std::optional<Failure> {
    const Answer answer = requests_.ask(asked);
    if (auto failed = requests_.failure(answer, asked)) return failed;
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
        asked_(state.requests_.question("/", commit, file.name)) {
    asked_.timeout = state_.requests_.settings().download_timeout;
    asked_.cancelled = &cancelled_;
    asked_.head = [this](const HttpHead& head) { return judge(head); };
    asked_.body = [this](std::span<const std::byte> bytes) { take(bytes); };
  }
  RangeReading(const RangeReading&) = delete;
  RangeReading& operator=(const RangeReading&) = delete;
  ~RangeReading() = default;

  void run() {
    if (reached_ == end_) return;
    state_.requests_.persist(
        asked_, Retries::all, [&] { return attempt(); }, [&] { return has_progressed(); });
  }

 private:
  std::optional<Failure> attempt() {
    while (true) {
      const Link link = state_.link_of(commit_, file_, cancelled_);
      asked_.url = link.url;
      asked_.fields = {fmt::format("Range: bytes={}-{}", reached_, end_ - 1)};
      const Answer answer = state_.requests_.ask(asked_);
      if (reached_ == end_) return std::nullopt;  // however the answer ended
      if (auto failed = state_.requests_.failure(answer, asked_)) {
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
       requests_.repo(), file.name, commit, file.etag, file.size,
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

HubClient::HubClient(HubSettings settings, std::string repo, Observer observer, Clock clock)
    : state_(std::make_unique<State>(std::move(settings), std::move(repo), std::move(observer),
                                     std::move(clock))) {}

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
