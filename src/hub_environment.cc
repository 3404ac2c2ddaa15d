#include "gamma_extract/hub_environment.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "gamma_extract/error.h"
#include "gamma_extract/text.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

// What an entry of the password database may take, far more than any has.
constexpr std::size_t entry_bytes = 65'536;

std::optional<std::string> home_by_password_database(const std::string& user) {
  std::vector<char> buffer(entry_bytes);
  struct passwd entry {};
  struct passwd* found = nullptr;
  if (user.empty()) {
    ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found);
  } else {
    ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  }
  if (found == nullptr || found->pw_dir == nullptr || *found->pw_dir == '\0') return std::nullopt;
  return found->pw_dir;
}

/// The value of a variable, unless it is empty.
std::optional<std::string> value_of(const Environment& environment, const std::string& name) {
  std::optional<std::string> value = environment.variable(name);
  return value && !value->empty() ? value : std::nullopt;
}

/// The length of `$NAME` or `${NAME}` at the beginning of `text`, or 0 if there is none.
std::size_t reference_length(std::string_view text) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
  if (text.starts_with("${")) return text.find('}') + 1;  // 0 if there is no end
  const std::size_t end = std::min(text.find_first_not_of(letters, 1), text.size());
  return end > 1 ? end : 0;
}

/// Python's os.path.expandvars.
std::string expand_variables(std::string_view text, const Environment& environment) {
  std::string result;
  for (std::size_t dollar = text.find('$'); dollar != std::string_view::npos;
       dollar = text.find('$')) {
    result += text.substr(0, dollar);
    text.remove_prefix(dollar);
    const std::size_t length = std::max<std::size_t>(reference_length(text), 1);
    const std::string_view reference = text.substr(0, length);
    const bool braces = reference.starts_with("${");
    const std::string name(braces ? reference.substr(2, length - 3) : reference.substr(1));
    result += environment.variable(name).value_or(std::string(reference));
    text.remove_prefix(length);
  }
  return result.append(text);
}

std::string hub_home(const Environment& environment) {
  if (auto home = value_of(environment, "HF_HOME")) return *home;
  return value_of(environment, "XDG_CACHE_HOME").value_or("~/.cache") + "/huggingface";
}

}  // namespace

Environment process_environment() {
  return {.variable = [](const std::string& name) -> std::optional<std::string> {
            // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here
            const char* value = std::getenv(name.c_str());
            return value == nullptr ? std::nullopt : std::optional<std::string>(value);
          },
          .home = home_by_password_database};
}

std::optional<std::string> first_set(const Environment& environment,
                                     std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (auto value = value_of(environment, name)) return value;
  }
  return std::nullopt;
}

fs::path expand_home(const std::string& path, const Environment& environment) {
  if (!path.starts_with('~')) return path;
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string user = path.substr(1, end - 1);
  std::optional<std::string> home;
  if (user.empty()) home = value_of(environment, "HOME");
  if (!home) home = environment.home(user);
  if (home) {
    home->erase(home->find_last_not_of('/') + 1);
    const std::string expanded = *home + path.substr(end);
    return expanded.empty() ? "/" : expanded;
  }
  if (!user.empty()) return path;
  fail(Fault::home_unknown,
       "{}: there is no home directory: HOME is not set, and the user has none in the password "
       "database; set HF_HOME, or give --cache-dir",
       path);
}

fs::path token_file(const Environment& environment) {
  const std::string path =
      value_of(environment, "HF_TOKEN_PATH").value_or(hub_home(environment) + "/token");
  return expand_variables(expand_home(path, environment).string(), environment);
}

fs::path hub_cache(const Environment& environment) {
  const std::optional<std::string> cache =
      first_set(environment, {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"});
  const std::string path = cache ? *cache : hub_home(environment) + "/hub";
  return expand_variables(expand_home(path, environment).string(), environment);
}

bool is_true(std::string_view value) {
  constexpr std::array<std::string_view, 4> words{"1", "on", "yes", "true"};
  return std::ranges::find(words, lower_case(value)) != words.end();
}

bool is_offline(const Environment& environment) {
  return is_true(first_set(environment, {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}).value_or(""));
}

}  // namespace gamma_extract
