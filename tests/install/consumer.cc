// Does the main job through the installed library: consumer MODEL OUT.
#include <exception>
#include <iostream>

#include "gamma_extract/extract.h"

int main(int count, char** arguments) try {
  if (count != 3) return 2;
  gamma_extract::ExtractOptions options;
  options.model.name = arguments[1];
  options.out = arguments[2];
  const gamma_extract::StopFlag stop;
  gamma_extract::Progress progress;
  const auto report = gamma_extract::extract(
      options, {.stop = stop, .progress = progress, .warn = [](const std::string&) {}});
  std::cout << report.vocab_size << " x " << report.hidden_size << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
