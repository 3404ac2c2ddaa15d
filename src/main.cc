#include <algorithm>
#include <string>
#include <vector>

#include "cli.h"

int main(int count, char** arguments) {
  // Whoever starts a program may give it no name.
  const std::vector<std::string> words(arguments + std::min(count, 1), arguments + count);
  return gamma_extract::cli::run(words);
}
