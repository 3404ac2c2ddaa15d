#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "cli.h"

int main(int count, char** arguments) {
  // Whoever starts a program may give it no name.
  const std::vector<std::string> words(arguments + std::min(count, 1), arguments + count);
  const int code = gamma_extract::cli::run(words);
  // Everything is released and written by now. What libtorch would do yet, to tidy up memory that
  // the system takes back at once, costs some 50 ms.
  std::_Exit(code);
}
