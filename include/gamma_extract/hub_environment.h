#ifndef GAMMA_EXTRACT_HUB_ENVIRONMENT_H_
#define GAMMA_EXTRACT_HUB_ENVIRONMENT_H_

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

/// Where Hugging Face's own client keeps models, and whether it may use the network: the rules of
/// huggingface_hub's constants.py. One difference: there `HF_HOME=` means the working directory;
/// here an empty variable counts as unset, which people mean.
namespace gamma_extract {

/// What the rules ask of the world, so that a test can answer.
struct Environment {
  /// The value of a variable, or nothing.
  std::function<std::optional<std::string>(const std::string& name)> variable;
  /// The home directory of a user, by the password database; of the one who runs this if the name
  /// is empty. Nothing if there is no such user.
  std::function<std::optional<std::string>(const std::string& user)> home;
};

/// The environment of this process.
Environment process_environment();

/// The value of the first of these variables that is set and not empty.
std::optional<std::string> first_set(const Environment& environment,
                                     std::initializer_list<const char*> names);

/// `~` and `~user` at the beginning as the home directory: HOME, else what the password database
/// says. An unknown user's `~user` stays. Throws home_unknown if a plain `~` has no home directory.
std::filesystem::path expand_home(const std::string& path, const Environment& environment);

/// The cache of the Hub: HF_HUB_CACHE, else HUGGINGFACE_HUB_CACHE, else `hub` in HF_HOME, else in
/// XDG_CACHE_HOME/huggingface, else in ~/.cache/huggingface; `~`, `$NAME` and `${NAME}` expanded,
/// a name that is not set left as it is. It need not exist. Throws home_unknown.
std::filesystem::path hub_cache(const Environment& environment);

/// The file that `hf auth login` keeps the token in: HF_TOKEN_PATH, else `token` in HF_HOME, else
/// in XDG_CACHE_HOME/huggingface, else in ~/.cache/huggingface. Throws home_unknown.
std::filesystem::path token_file(const Environment& environment);

/// Whether the value of a variable means true: 1, on, yes or true in any case.
bool is_true(std::string_view value);

/// Whether HF_HUB_OFFLINE, or if that is not set TRANSFORMERS_OFFLINE, is true.
bool is_offline(const Environment& environment);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HUB_ENVIRONMENT_H_
