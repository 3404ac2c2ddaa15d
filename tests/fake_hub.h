#ifndef GAMMA_EXTRACT_TESTS_FAKE_HUB_H_
#define GAMMA_EXTRACT_TESTS_FAKE_HUB_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "gamma_extract/source.h"

namespace gamma_extract::testing {

/// The fake Hub of tests/hub, running on the loopback (tests/hub/fake_hub.py says what it can do).
/// It serves the tree ROOT/Org/Name/REVISION/files.
class FakeHub {
 public:
  using Json = nlohmann::json;

  explicit FakeHub(const std::filesystem::path& root) {
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    if (::pipe2(to.data(), O_CLOEXEC) != 0 || ::pipe2(from.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error("no pipe");
    }
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(to[0], STDIN_FILENO);
      ::dup2(from[1], STDOUT_FILENO);
      ::execlp("python3", "python3", PROJECT_DIR "/tests/hub/fake_hub.py", "--root", root.c_str(),
               nullptr);
      ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    in_ = Descriptor(to[1]);
    out_ = Descriptor(from[0]);
    addresses_ = read_line();
  }
  FakeHub(const FakeHub&) = delete;
  FakeHub& operator=(const FakeHub&) = delete;
  /// It ends with its standard input.
  ~FakeHub() {
    in_.close();
    ::waitpid(process_, nullptr, 0);
  }

  /// The address of an origin: hub, cdn, mirror, elsewhere, refused.
  [[nodiscard]] std::string address(const std::string& origin = "hub") const {
    return addresses_.at(origin);
  }

  /// Sends a control document and returns the reply.
  // NOLINTNEXTLINE(readability-make-member-function-const): it changes what the server does
  Json control(const Json& document) {
    const std::string line = document.dump() + "\n";
    if (::write(in_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      throw std::runtime_error("the fake Hub is gone");
    }
    return read_line();
  }
  void set_faults(const Json& faults) { control({{"faults", faults}}); }

  /// What was asked and sent so far.
  Json log() { return control({{"log", true}}); }

 private:
  [[nodiscard]] Json read_line() const {
    std::string line;
    char letter = 0;
    while (::read(out_.get(), &letter, 1) == 1 && letter != '\n') line += letter;
    return Json::parse(line);
  }

  pid_t process_ = -1;
  Descriptor in_;
  Descriptor out_;
  Json addresses_;
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TESTS_FAKE_HUB_H_
