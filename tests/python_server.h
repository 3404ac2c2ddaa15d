#ifndef GAMMA_EXTRACT_TESTS_PYTHON_SERVER_H_
#define GAMMA_EXTRACT_TESTS_PYTHON_SERVER_H_

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "gamma_extract/source.h"

namespace gamma_extract::testing {

/// A server in Python that speaks lines of JSON on its standard streams, and ends with its standard
/// input.
class PythonServer {
 public:
  using Json = nlohmann::json;

  PythonServer(const std::filesystem::path& script, const std::vector<std::string>& words) {
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    if (::pipe2(to.data(), O_CLOEXEC) != 0 || ::pipe2(from.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error("no pipe");
    }
    std::vector<std::string> command{"python3", script.string()};
    command.insert(command.end(), words.begin(), words.end());
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(to[0], STDIN_FILENO);
      ::dup2(from[1], STDOUT_FILENO);
      ::execvp(arguments.front(), arguments.data());
      ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    in_ = Descriptor(to[1]);
    out_ = Descriptor(from[0]);
  }
  PythonServer(const PythonServer&) = delete;
  PythonServer& operator=(const PythonServer&) = delete;
  ~PythonServer() {
    in_.close();
    ::waitpid(process_, nullptr, 0);
  }

  void write_line(const Json& document) const {
    const std::string line = document.dump() + "\n";
    if (::write(in_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      throw std::runtime_error("the server is gone");
    }
  }

  [[nodiscard]] Json read_line() const {
    std::string line;
    char letter = 0;
    while (::read(out_.get(), &letter, 1) == 1 && letter != '\n') line += letter;
    return Json::parse(line);
  }

 private:
  pid_t process_ = -1;
  Descriptor in_;
  Descriptor out_;
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TESTS_PYTHON_SERVER_H_
