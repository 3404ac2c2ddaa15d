#ifndef GAMMA_EXTRACT_MISSING_MODEL_H_
#define GAMMA_EXTRACT_MISSING_MODEL_H_

#include <string>

/// What is said of a path to a model that leads nowhere.
namespace gamma_extract {

/// Throws model_missing where `path` is a link to nothing, naming its target.
void require_no_dangling_link(const std::string& path);

/// Throws model_missing, with what may have gone wrong: an empty name, a dangling link, a `~` that
/// the shell has left.
[[noreturn]] void fail_model_missing(const std::string& path);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_MISSING_MODEL_H_
