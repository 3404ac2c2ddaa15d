#include "options.h"

namespace gamma_extract::cli {

Request parse(std::span<const std::string> arguments) {
  return parse_extract(arguments);
}

}  // namespace gamma_extract::cli
