#ifndef GAMMA_EXTRACT_TENSOR_SUGGESTIONS_H_
#define GAMMA_EXTRACT_TENSOR_SUGGESTIONS_H_

#include <string>
#include <string_view>
#include <vector>

/// Which tensors a person may have meant, for the messages that ask to name one.
namespace gamma_extract {

/// Those of `names` whose last part is what heads and embeddings are called in some family
/// ("lm_head.weight", "transformer.wte.weight"), the least nested first.
std::vector<std::string_view> matrix_like(const std::vector<std::string_view>& names);

/// Those of `names` that `wanted` may be a slip of: a part of one, or one with something before or
/// after it, or at most a fifth of its letters off.
std::vector<std::string_view> close_to(std::string_view wanted,
                                       const std::vector<std::string_view>& names);

/// "a, b, c, d, e and 7 more": at most five of them.
std::string enumerate(const std::vector<std::string_view>& names);

/// The remedy that always helps: "name the matrix with --tensor, such as " what is matrix_like.
std::string name_one_of(const std::vector<std::string_view>& names);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_TENSOR_SUGGESTIONS_H_
