#include <string>
#include <vector>

#include "cli.h"

int main(int count, char** arguments) {
  return gamma_extract::cli::run(std::vector<std::string>(arguments + 1, arguments + count));
}
