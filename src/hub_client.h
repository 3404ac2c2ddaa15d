#ifndef GAMMA_EXTRACT_HUB_CLIENT_H_
#define GAMMA_EXTRACT_HUB_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "clock.h"
#include "gamma_extract/error.h"
#include "gamma_extract/observer.h"
#include "hub_settings.h"

/// The one place that speaks to the Hub: requests, redirects, tokens, retries, errors.
///
/// The Hub answers for a large file with a redirect to a CDN, by a link that is signed and holds
/// for an hour; what it says of the file (commit, ETag, size) stands on the redirect itself. So a
/// file is resolved once, its ranges come from that link, and a link that has expired is resolved
/// again, to a file that must be the same. A token goes to the endpoint's own origin (scheme, host
/// and port) and to no other. An answer is believed only if it is exactly what was asked for.
///
/// The rules are those of Hugging Face's own client, and where that is weaker (it tries a body
/// again after two statuses alone, and does not look at Content-Range) those of the project's notes
/// on the protocol.
namespace gamma_extract {

/// A file at a commit.
struct HubFile {
  std::string name;
  std::string etag;  ///< X-Linked-Etag, else ETag, without W/ and quotes
  std::uint64_t size = 0;
};

/// A small file, whole.
struct HubText {
  std::string text;
  std::string etag;
};

/// What to do when a try fails that may go well the next time.
enum class Retries : std::uint8_t {
  all,
  none,  ///< for a question whose answer stands ready elsewhere
};

/// One repository of models. Safe to use from several threads: there are as many connections as the
/// settings say, each used by one at a time; who finds none waits. What the server asks to wait
/// holds for all of them.
///
/// Every call may throw Stopped, and an Error of the groups "What the Hub says of a model" and "The
/// network" (gamma_extract/error.h), whose text never holds the token, nor a link's query.
class HubClient {
 public:
  using ByteSink = std::function<void(std::uint64_t offset, std::span<const std::byte> bytes)>;

  /// Where a token is known, the process leaves no core from here on.
  HubClient(HubSettings settings, std::string repo, Observer observer, Clock clock = {});
  HubClient(const HubClient&) = delete;
  HubClient& operator=(const HubClient&) = delete;
  ~HubClient();

  /// The commit that a branch or a tag is: 40 hex digits.
  [[nodiscard]] std::string commit_of(const std::string& revision, Retries retries) const;

  /// The whole of a file of at most `limit` bytes; nothing where the commit has no such file.
  [[nodiscard]] std::optional<HubText> read_text(const std::string& commit, const std::string& file,
                                                 std::uint64_t limit) const;

  /// What a file is; nothing where the commit has no such file.
  [[nodiscard]] std::optional<HubFile> find(const std::string& commit,
                                            const std::string& file) const;

  /// The names of all files of a commit.
  [[nodiscard]] std::vector<std::string> names(const std::string& commit) const;

  /// Reads the bytes [begin, end) of a file, in order, in the calling thread. What breaks off goes
  /// on at the byte that was reached. Throws hub_file_changed where the Hub now has another file
  /// than `file` there; what `sink` throws; and Stopped once `cancelled` is set.
  void read_range(const std::string& commit, const HubFile& file, std::uint64_t begin,
                  std::uint64_t end, const ByteSink& sink, const StopFlag& cancelled) const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HUB_CLIENT_H_
