#ifndef GAMMA_EXTRACT_REPO_ID_H_
#define GAMMA_EXTRACT_REPO_ID_H_

#include <optional>
#include <string>
#include <string_view>

/// The name of a model on the Hub: `Org/Name`, or for a few old ones `Name`.
namespace gamma_extract {

/// Whether `text` is one, by the rules of huggingface_hub's validate_repo_id: one or two parts of
/// at most 96 ASCII letters, digits, `_`, `-` and `.`, neither `-` nor `.` at a part's ends,
/// nowhere `--` or `..`, no `.git` at the end.
bool is_repo_id(std::string_view text);

/// The name of the repo's directory in the cache: `models--Org--Name`.
std::string repo_directory(std::string_view id);

/// The id from the name of a directory in the cache, or nothing if it is none of a model.
std::optional<std::string> repo_id_of_directory(std::string_view directory);

/// The id that was meant by an address of the Hub (`https://huggingface.co/Org/Name/tree/main`,
/// `hf://Org/Name@main`), by an id with its kind before it (`models/Org/Name`), or by a directory
/// of the cache (`models--Org--Name`); nothing if `text` is none of these.
std::optional<std::string> meant_repo_id(std::string_view text);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_REPO_ID_H_
