#include "repo_id.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace gamma_extract {
namespace {

constexpr std::string_view directory_prefix = "models--";

bool is_word(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '_';
}

bool is_part(std::string_view part) {
  constexpr std::size_t most = 96;
  return !part.empty() && part.size() <= most && is_word(part.front()) && is_word(part.back()) &&
         std::ranges::all_of(
             part, [](char letter) { return is_word(letter) || letter == '-' || letter == '.'; });
}

/// Takes `prefix` off the beginning of `text`, if it stands there.
bool remove_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// Takes off `https://HOST/` (a mirror's too), `HOST/` of the Hub itself, or `hf://`.
bool remove_host(std::string_view& text) {
  if (remove_prefix(text, "https://") || remove_prefix(text, "http://")) {
    const std::size_t slash = text.find('/');
    text = slash == std::string_view::npos ? "" : text.substr(slash + 1);
    return true;
  }
  constexpr std::array<std::string_view, 4> beginnings{"hf://", "huggingface.co/",
                                                       "www.huggingface.co/", "hf.co/"};
  return std::ranges::any_of(beginnings, [&text](auto each) { return remove_prefix(text, each); });
}

}  // namespace

bool is_repo_id(std::string_view text) {
  const std::size_t slash = text.find('/');
  const bool parts = slash == std::string_view::npos
                         ? is_part(text)
                         : is_part(text.substr(0, slash)) && is_part(text.substr(slash + 1));
  return parts && text.find("--") == std::string_view::npos &&
         text.find("..") == std::string_view::npos && !text.ends_with(".git");
}

std::string repo_directory(std::string_view id) {
  std::string directory(directory_prefix);
  for (const char letter : id) {
    if (letter == '/') {
      directory += "--";
    } else {
      directory += letter;
    }
  }
  return directory;
}

std::optional<std::string> repo_id_of_directory(std::string_view directory) {
  if (!remove_prefix(directory, directory_prefix)) return std::nullopt;
  // An id never has two dashes in a row: they stand for its slash.
  const std::size_t dashes = directory.find("--");
  std::string id =
      dashes == std::string_view::npos
          ? std::string(directory)
          : fmt::format("{}/{}", directory.substr(0, dashes), directory.substr(dashes + 2));
  if (!is_repo_id(id)) return std::nullopt;
  return id;
}

std::optional<std::string> meant_repo_id(std::string_view text) {
  if (auto id = repo_id_of_directory(text)) return id;
  const bool address = remove_host(text);
  if (!remove_prefix(text, "models/") && !address) return std::nullopt;
  text = text.substr(0, text.find_first_of("@?#"));
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    text = text.substr(0, text.find('/', slash + 1));
  }
  if (!is_repo_id(text) || text.starts_with("datasets/") || text.starts_with("spaces/")) {
    return std::nullopt;
  }
  return std::string(text);
}

}  // namespace gamma_extract
