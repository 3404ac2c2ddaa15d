#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "environment.h"
#include "gamma_extract/error.h"
#include "gamma_extract/hub_environment.h"
#include "gamma_extract/model_location.h"
#include "temporary_directory.h"
#include "watcher.h"

// The same answers as huggingface_hub's, which tests/oracles/make_hub_lookups.py has asked for.

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::environment;
using testing::TemporaryDirectory;

json answers() {
  return json::parse(testing::read_file(fs::path(TEST_DATA) / "hub_lookups.json"));
}

/// Makes what `entries` tell: links, files, directories.
void lay_out(const json& entries, const fs::path& cache) {
  for (const json& entry : entries) {
    const fs::path path = cache / entry.at("path").get<std::string>();
    if (entry.contains("link")) {
      fs::create_symlink(entry.at("link").get<std::string>(), path);
    } else if (entry.contains("text")) {
      testing::write_file(path, entry.at("text").get<std::string>());
    } else {
      fs::create_directories(path);
    }
  }
}

/// The snapshot that is found, relative to the cache, or null.
json found(const json& request, const fs::path& cache) {
  ModelOptions options{.name = request.at("id"), .revision = {}, .cache_dir = cache};
  if (request.at("revision").is_string()) options.revision = request.at("revision");
  try {
    const testing::Watcher watcher;
    options.offline = true;
    const fs::path snapshot = locate_model(options, watcher.observer(), environment({})).path;
    // With the file in it, through all of its links.
    EXPECT_EQ(testing::read_file(snapshot / "config.json"), "{}");
    return snapshot.lexically_relative(cache).string();
  } catch (const Error&) {
    return nullptr;
  }
}

TEST(HubLookupsTest, TheSameCache) {
  const json known = answers();
  for (const json& question : known.at("caches")) {
    EXPECT_EQ(json(hub_cache(environment(question.at("environment"))).string()),
              question.at("cache"))
        << question;
  }
}

TEST(HubLookupsTest, OfflineAtTheSameWords) {
  const json known = answers();
  for (const json& question : known.at("offline")) {
    EXPECT_EQ(json(is_offline(environment(question.at("environment")))), question.at("offline"))
        << question;
  }
}

TEST(HubLookupsTest, TheSameSnapshots) {
  const json known = answers();
  for (const json& layout : known.at("lookups")) {
    const TemporaryDirectory cache;
    lay_out(layout.at("entries"), cache.path());
    for (const json& request : layout.at("lookups")) {
      EXPECT_EQ(found(request, cache.path()), request.at("snapshot"))
          << layout.at("name") << ' ' << request;
    }
  }
}

}  // namespace
}  // namespace gamma_extract
