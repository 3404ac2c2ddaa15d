#include "hub_location.h"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "fetch_cache.h"
#include "gamma_extract/error.h"
#include "hub_access.h"
#include "hub_client.h"
#include "hub_files.h"
#include "hub_settings.h"
#include "model_cache.h"
#include "workers.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

constexpr const char* offline_remedy =
    "offline, nobody is asked: run it once with a network, or give a directory, or a cache that "
    "has it (--cache-dir)";
constexpr const char* online_remedy = "the repository is not complete; tell its owner";

/// Whether what the Hub said leaves room for what the cache has: it could not be asked, or does not
/// tell whoever asks. That it has no such revision is an answer.
bool may_fall_back(Fault fault) {
  switch (fault) {
    case Fault::repository_not_found:
    case Fault::repository_gated:
    case Fault::repository_disabled:
    case Fault::token_refused:
      return true;
    default:
      return is_of_the_network(fault);
  }
}

std::optional<std::string> cached_commit(const CacheRequest& request) {
  try {
    return find_commit(request);
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Throws the error again. A path that is mistyped may have the form of an id: of one that the Hub
/// does not know, or could not be asked for, it is said that there is no such path either.
[[noreturn]] void fail_to_ask(const std::string& id, const Error& error) {
  const std::string beginning = id + ": ";
  const std::string text = error.what();
  const bool is_unknown =
      error.fault() == Fault::repository_not_found || is_of_the_network(error.fault());
  if (!is_unknown || !text.starts_with(beginning)) throw Error(error);
  fail(error.fault(), "{}no such file or directory here, and {}", beginning,
       text.substr(beginning.size()));
}

/// Asks the Hub, and where that fails, the caches.
std::string ask_commit(const HubClient& client, FetchCache& cache, const CacheRequest& request,
                       const Observer& observer) {
  const std::optional<std::string> last = cached_commit(request);
  try {
    std::string commit = client.commit_of(request.revision, last ? Retries::none : Retries::all);
    cache.save_ref(request.revision, commit);
    return commit;
  } catch (const Error& error) {
    if (!last || !may_fall_back(error.fault())) fail_to_ask(request.id, error);
    observer.warn(fmt::format("{}; taking the commit that the cache knows for {}: {}", error.what(),
                              request.revision, *last));
    return *last;
  }
}

/// The directory itself, or the nearest above it that exists.
fs::path nearest_existing(fs::path directory) {
  std::error_code ignored;
  while (directory.has_relative_path() && !fs::is_directory(directory, ignored)) {
    directory = directory.parent_path();
  }
  return directory.empty() ? fs::path(".") : directory;
}

/// Where the matrix may lie if it is not kept.
std::vector<fs::path> scratch_places(const ModelOptions& options, const Environment& environment) {
  std::vector<fs::path> places;
  if (options.scratch) places.push_back(nearest_existing(*options.scratch));
  const std::string temporary = environment.variable("TMPDIR").value_or("");
  places.emplace_back(temporary.empty() ? "/tmp" : temporary);
  return places;
}

}  // namespace

ModelLocation locate_on_hub(const ModelOptions& options, const Observer& observer,
                            const Environment& environment) {
  const bool offline = options.offline || is_offline(environment);
  const fs::path cache_directory = options.cache_dir
                                       ? expand_home(options.cache_dir->string(), environment)
                                       : hub_cache(environment);
  const auto hub = std::make_shared<HubAccess>(
      options.name,
      std::make_unique<FetchCache>(fetch_cache_root(environment), options.name, observer),
      observer);
  hub->keep = options.keep;
  hub->scratch = scratch_places(options, environment);
  hub->connections = usable_threads(0);
  const CacheRequest request{.cache = cache_directory,
                             .id = options.name,
                             .revision = options.revision.value_or("main"),
                             .remedy = offline_remedy,
                             .fetched = hub->cache.get()};
  if (offline) {
    hub->commit = find_commit(request);
  } else {
    const HubSettings settings = hub_settings(environment);
    hub->connections = settings.connections;
    hub->client = std::make_unique<HubClient>(settings, options.name, observer);
    hub->commit = is_commit(request.revision)
                      ? request.revision
                      : ask_commit(*hub->client, *hub->cache, request, observer);
  }
  const fs::path snapshot = snapshot_path(cache_directory, options.name, hub->commit);
  return {
      .path = snapshot,
      .files = std::make_shared<HubFiles>(hub, snapshot, offline ? offline_remedy : online_remedy)};
}

}  // namespace gamma_extract
