#include "gamma_extract/model_name.h"

#include <sys/stat.h>

#include <cstdlib>
#include <system_error>

#include "gamma_extract/error.h"
#include "model_cache.h"
#include "output_files.h"
#include "repo_id.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

// A file name may have 255 bytes, and the longest made of a slug adds some 30 to it while the file
// is being written.
constexpr std::size_t max_slug_bytes = 200;

bool is_same_directory(const char* left, const char* right) {
  struct stat left_status {};
  struct stat right_status {};
  return ::stat(left, &left_status) == 0 && ::stat(right, &right_status) == 0 &&
         left_status.st_dev == right_status.st_dev && left_status.st_ino == right_status.st_ino;
}

/// The working directory by the name by which the user came there, links in it unresolved, as the
/// shell keeps it in PWD. (getcwd would resolve them.)
fs::path working_directory() {
  const char* shell = std::getenv("PWD");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  if (shell != nullptr && shell[0] == '/' && is_same_directory(shell, ".")) return shell;
  std::error_code ignored;
  return fs::current_path(ignored);
}

/// `path` as an absolute one without `.`, `..` and trailing slashes, judged by its text alone.
fs::path resolve(const fs::path& path) {
  const fs::path resolved =
      (path.is_absolute() ? path : working_directory() / path).lexically_normal();
  return resolved.has_filename() ? resolved : resolved.parent_path();
}

/// The name of a snapshot in the cache, without its slug, or nothing if `path` is none.
std::optional<ModelName> snapshot_name(const fs::path& path) {
  const fs::path parent = path.parent_path();
  const std::string commit = path.filename().string();
  if (parent.filename() != "snapshots" || !is_lower_hex(commit)) return std::nullopt;
  const auto id = repo_id_of_directory(parent.parent_path().filename().string());
  if (!id) return std::nullopt;
  return ModelName{.model = *id, .revision = commit, .is_id = true, .slug = ""};
}

/// What the slug of a model is made of.
std::string_view label(const ModelName& name, bool is_file) {
  constexpr std::string_view suffix = ".safetensors";
  std::string_view text = name.model;
  if (name.is_id) return text.substr(text.find('/') + 1);  // the whole where there is none
  if (is_file && text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return text;
}

void require_slug(const std::string& slug, const fs::path& path) {
  if (slug.empty()) {
    fail(Fault::usage,
         "{}: its name has no letter or digit to label the files with; give a label with --name",
         path.string());
  }
  if (slug.size() > max_slug_bytes) {
    fail(Fault::usage,
         "{}: the label {} has {} bytes, more than {}; give a shorter one with --name",
         path.string(), slug, slug.size(), max_slug_bytes);
  }
  if (is_reserved_slug(slug)) {
    fail(Fault::usage,
         "{}: the label {} would give gamma_{}.safetensors, which is another file's name; give "
         "another label with --name",
         path.string(), slug, slug);
  }
}

void require_slug_form(const std::string& slug) {
  const std::string form = slug_of(slug);
  if (!slug.empty() && form == slug) return;
  fail(Fault::usage,
       "--name {}: a label is lower-case letters and digits with single underscores between; {}",
       slug, form.empty() ? "give another" : "give --name " + form);
}

}  // namespace

ModelName model_name(const fs::path& path, const std::optional<std::string>& slug) {
  const fs::path resolved = resolve(path);
  std::error_code ignored;
  const bool is_file = fs::is_regular_file(path, ignored);
  ModelName name;
  if (auto snapshot = snapshot_name(resolved); snapshot && !is_file) {
    name = *std::move(snapshot);
  } else {
    name.model = resolved.filename().string();
  }
  if (slug) require_slug_form(*slug);
  name.slug = slug.value_or(slug_of(label(name, is_file)));
  require_slug(name.slug, path);
  return name;
}

std::string slug_of(std::string_view text) {
  std::string slug;
  for (const char letter : text) {
    const bool upper = letter >= 'A' && letter <= 'Z';
    const bool plain = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
    if (upper || plain) {
      slug += upper ? static_cast<char>(letter - 'A' + 'a') : letter;
    } else if (!slug.empty() && slug.back() != '_') {
      slug += '_';
    }
  }
  if (slug.ends_with('_')) slug.pop_back();
  return slug;
}

}  // namespace gamma_extract
