#include "gamma_extract/model_location.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "file_type.h"
#include "gamma_extract/error.h"
#include "hub_location.h"
#include "missing_model.h"
#include "repo_id.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

/// Whether `name` cannot be an id, whatever is on the disk.
bool is_only_path(const std::string& name) {
  constexpr std::string_view beginnings = "/.~";
  return name.empty() || beginnings.find(name.front()) != std::string_view::npos ||
         name.back() == '/' || std::ranges::count(name, '/') > 1;
}

[[noreturn]] void fail_missing(const std::string& name) {
  require_no_dangling_link(name);
  if (const auto id = meant_repo_id(name)) {
    fail(Fault::model_id_invalid,
         "{}: no such file or directory, and a model of the Hub is named by its id; give {}", name,
         *id);
  }
  if (is_only_path(name)) fail_model_missing(name);
  fail(Fault::model_id_invalid,
       "{}: no such file or directory, and no id of a model (Org/Name, each of at most 96 letters, "
       "digits, - _ and ., without -- and ..); check the name",
       name);
}

}  // namespace

ModelLocation locate_model(const ModelOptions& options, const Observer& observer,
                           const Environment& environment) {
  const fs::file_type type = file_type_of(options.name);
  if (type == fs::file_type::not_found) {
    if (is_named(options.name) || is_only_path(options.name) || !is_repo_id(options.name)) {
      fail_missing(options.name);
    }
    return locate_on_hub(options, observer, environment);
  }
  if (options.revision) {
    fail(Fault::usage,
         "--revision {}: {} is a {}, and only a model named by its id has revisions; leave it out",
         *options.revision, options.name, type == fs::file_type::directory ? "directory" : "file");
  }
  return {.path = options.name, .files = nullptr};
}

}  // namespace gamma_extract
