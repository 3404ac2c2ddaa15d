#ifndef GAMMA_EXTRACT_TESTS_FAKE_HUB_H_
#define GAMMA_EXTRACT_TESTS_FAKE_HUB_H_

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "python_server.h"

namespace gamma_extract::testing {

/// The fake Hub of tests/hub, running on the loopback (tests/hub/fake_hub.py says what it can do).
/// It serves the tree ROOT/Org/Name/REVISION/files.
class FakeHub {
 public:
  using Json = nlohmann::json;

  explicit FakeHub(const std::filesystem::path& root)
      : server_(PROJECT_DIR "/tests/hub/fake_hub.py", {"--root", root.string()}),
        addresses_(server_.read_line()) {}

  /// The address of an origin: hub, cdn, mirror, elsewhere, refused.
  [[nodiscard]] std::string address(const std::string& origin = "hub") const {
    return addresses_.at(origin);
  }

  /// Sends a control document and returns the reply. A document that it refuses is an error of the
  /// test.
  // NOLINTNEXTLINE(readability-make-member-function-const): it changes what the server does
  Json control(const Json& document) {
    server_.write_line(document);
    Json reply = server_.read_line();
    if (reply.contains("error")) throw std::runtime_error(reply.at("error"));
    return reply;
  }
  void set_faults(const Json& faults) { control({{"faults", faults}}); }

  /// What was asked and sent so far.
  Json log() { return control({{"log", true}}); }

 private:
  PythonServer server_;
  Json addresses_;
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TESTS_FAKE_HUB_H_
