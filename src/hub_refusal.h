#ifndef GAMMA_EXTRACT_HUB_REFUSAL_H_
#define GAMMA_EXTRACT_HUB_REFUSAL_H_

#include <string>

#include "gamma_extract/error.h"
#include "http_connection.h"

/// What the Hub means by a status, and what to do about it.
namespace gamma_extract {

/// Who asked for what.
struct HubQuestion {
  std::string what;      ///< a message begins with it: the repo, or the repo and the file
  std::string page;      ///< the model's page
  std::string revision;  ///< or the commit
  bool has_token = false;
};

/// The error that a status other than success means, where asking again will not help.
Error refusal(const HttpHead& head, const HubQuestion& question);

/// Whether the Hub says that there is no such file at that commit.
bool is_entry_missing(const HttpHead& head);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HUB_REFUSAL_H_
