#include "hub_refusal.h"

#include <fmt/format.h>

#include <string_view>

#include "gamma_extract/text.h"

namespace gamma_extract {
namespace {

std::string code_of(const HttpHead& head) {
  return head.field("x-error-code").value_or("");
}

/// What the server says besides, as the end of a clause. As much as a line may hold.
std::string in_its_words(const HttpHead& head) {
  constexpr std::size_t most = 300;
  const std::string words = head.field("x-error-message").value_or("").substr(0, most);
  return words.empty() ? "" : fmt::format(" (\"{}\")", words);
}

bool says(const HttpHead& head, std::string_view words) {
  return lower_case(head.field("x-error-message").value_or("")).find(words) != std::string::npos;
}

Error gated(const HttpHead& head, const HubQuestion& question) {
  const std::string accept = fmt::format("ask for access at {}", question.page);
  return {Fault::repository_gated,
          fmt::format("{}: the model is gated, and {}{}; {}", question.what,
                      question.has_token ? "your token has no access" : "no token was given",
                      in_its_words(head),
                      question.has_token
                          ? accept + ", and see that the token may read gated repositories (a "
                                     "fine-grained one needs that permission)"
                          : accept + ", and set HF_TOKEN to a token of yours, or log in with "
                                     "`hf auth login`")};
}

Error not_found(const HttpHead& head, const HubQuestion& question) {
  return {Fault::repository_not_found,
          fmt::format("{}: the Hub has no such model, or it is private{}; check the name{}",
                      question.what, in_its_words(head),
                      question.has_token ? ", and that your token may read it"
                                         : ", or set HF_TOKEN to a token that may read it")};
}

Error unexplained(const HttpHead& head, const HubQuestion& question) {
  return {Fault::hub_refused,
          fmt::format("{}: the server answers {}{}; check HF_ENDPOINT and the token, or try again "
                      "later",
                      question.what, head.status, in_its_words(head))};
}

}  // namespace

Error refusal(const HttpHead& head, const HubQuestion& question) {
  const std::string code = code_of(head);
  if (code == "GatedRepo") return gated(head, question);
  if (code == "RepoNotFound") return not_found(head, question);
  if (code == "RevisionNotFound") {
    return {Fault::revision_not_found, fmt::format("{}: it has no revision {}; check --revision",
                                                   question.what, question.revision)};
  }
  if (head.status == 401 && question.has_token) {
    return {Fault::token_refused,
            fmt::format("{}: the Hub does not know the token{}; renew it with `hf auth login`, or "
                        "correct or unset HF_TOKEN",
                        question.what, in_its_words(head))};
  }
  if (head.status == 401) return not_found(head, question);
  if (head.status == 403 && says(head, "disabled")) {
    return {Fault::repository_disabled,
            fmt::format("{}: the Hub has disabled the model{}; take another, or see {}",
                        question.what, in_its_words(head), question.page)};
  }
  return unexplained(head, question);
}

bool is_entry_missing(const HttpHead& head) {
  return head.status == 404 && code_of(head) == "EntryNotFound";
}

}  // namespace gamma_extract
