#ifndef GAMMA_EXTRACT_WITHOUT_TOKEN_H_
#define GAMMA_EXTRACT_WITHOUT_TOKEN_H_

#include <string>
#include <string_view>

namespace gamma_extract {

/// `text` with `***` for each `token` in it: in either case, since a host's name loses its case,
/// and with any of its letters percent-encoded, as it stands in an address.
std::string without_token(std::string_view text, std::string_view token);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_WITHOUT_TOKEN_H_
