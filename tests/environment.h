#ifndef GAMMA_EXTRACT_TESTS_ENVIRONMENT_H_
#define GAMMA_EXTRACT_TESTS_ENVIRONMENT_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "gamma_extract/hub_environment.h"

namespace gamma_extract::testing {

using Words = std::map<std::string, std::string>;

/// An environment of these variables alone, and of the users with these homes; "" is the one who
/// runs the program.
inline Environment environment(Words variables, Words homes = {}) {
  const auto look_up_in = [](Words words) {
    return [words = std::move(words)](const std::string& name) -> std::optional<std::string> {
      const auto found = words.find(name);
      return found == words.end() ? std::nullopt : std::optional(found->second);
    };
  };
  return {.variable = look_up_in(std::move(variables)), .home = look_up_in(std::move(homes))};
}

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TESTS_ENVIRONMENT_H_
