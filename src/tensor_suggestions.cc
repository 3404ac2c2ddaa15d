#include "tensor_suggestions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <tuple>
#include <utility>

#include "edit_distance.h"

namespace gamma_extract {
namespace {

constexpr std::array<std::string_view, 15> endings = {
    "lm_head.weight",      "embed_out.weight",         "output.weight",
    "output_layer.weight", "output_projection.weight", "head.weight",
    "lm_loss.weight",      "embed_tokens.weight",      "tok_embeddings.weight",
    "wte.weight",          "word_embeddings.weight",   "word_embedding.weight",
    "embed_in.weight",     "embeddings.weight",        "shared.weight",
};

/// Whether one of the two is the whole of the other, or begins and ends at dots in it.
bool is_part(std::string_view left, std::string_view right) {
  const std::string one = fmt::format(".{}.", left);
  const std::string other = fmt::format(".{}.", right);
  return one.find(other) != std::string::npos || other.find(one) != std::string::npos;
}

bool ends_like_matrix(std::string_view name) {
  return std::ranges::any_of(endings, [&](std::string_view ending) {
    return name.ends_with(ending) &&
           (name.size() == ending.size() || name[name.size() - ending.size() - 1] == '.');
  });
}

bool is_slip(std::string_view wanted, std::string_view name) {
  const std::size_t allowed = wanted.size() / 5;
  const auto [shorter, longer] = std::minmax({wanted.size(), name.size()});
  return longer - shorter <= allowed && edit_distance(wanted, name) <= allowed;
}

/// Least nested first, and those by name.
void sort_by_depth(std::vector<std::string_view>& names) {
  const auto key = [](std::string_view name) {
    return std::tuple(std::ranges::count(name, '.'), name);
  };
  std::ranges::sort(names, {}, key);
}

}  // namespace

std::vector<std::string_view> matrix_like(const std::vector<std::string_view>& names) {
  std::vector<std::string_view> result;
  std::ranges::copy_if(names, std::back_inserter(result), ends_like_matrix);
  sort_by_depth(result);
  return result;
}

std::vector<std::string_view> close_to(std::string_view wanted,
                                       const std::vector<std::string_view>& names) {
  std::vector<std::string_view> result;
  std::ranges::copy_if(names, std::back_inserter(result), [&](std::string_view name) {
    return is_part(wanted, name) || is_slip(wanted, name);
  });
  sort_by_depth(result);
  return result;
}

std::string enumerate(const std::vector<std::string_view>& names) {
  constexpr std::size_t most = 5;
  const std::size_t listed = std::min(names.size(), most);
  std::string text = fmt::format(
      "{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(listed), ", "));
  if (listed < names.size()) text += fmt::format(" and {} more", names.size() - listed);
  return text;
}

std::string name_one_of(const std::vector<std::string_view>& names) {
  const std::vector<std::string_view> candidates = matrix_like(names);
  if (candidates.empty()) return "name the matrix with --tensor";
  return fmt::format("name the matrix with --tensor, such as {}", enumerate(candidates));
}

}  // namespace gamma_extract
