#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "hub_client.h"
#include "hub_client_fixture.h"
#include "python_server.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using testing::first_commit;
using ::testing::HasSubstr;
using testing::HubClientFixture;
using ::testing::IsEmpty;
using testing::PythonServer;
using testing::Result;
using testing::TemporaryDirectory;
using testing::write_file;

/// What a command prints, which must do.
std::string output_of(const std::string& command) {
  FILE* const pipe = ::popen((command + " 2>/dev/null").c_str(), "r");  // NOLINT(cert-env33-c)
  std::string output;
  for (int letter = std::fgetc(pipe); letter != EOF; letter = std::fgetc(pipe)) {
    output += static_cast<char>(letter);
  }
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return output;
}

/// A certificate that nobody else has signed.
class Certificate {
 public:
  explicit Certificate(const fs::path& directory, const std::string& name = "IP:127.0.0.1")
      : file(directory / "certificate.pem"), key(directory / "key.pem") {
    output_of("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2" +
              (" -subj /CN=test -addext subjectAltName=" + name) + " -keyout '" + key.string() +
              "' -out '" + file.string() + "'");
  }
  const fs::path file;
  const fs::path key;
};

class HubTlsTest : public HubClientFixture {
 protected:
  HubSettings tls_settings() {
    HubSettings tls = settings(token);
    tls.endpoint = front.read_line().at("address");
    return tls;
  }
  static Result text(const HubClient& client) {
    return result_of(
        [&] { static_cast<void>(client.read_text(first_commit, "config.json", 1000)); });
  }
  [[nodiscard]] std::string port() const {
    const std::string address = hub.address();
    return address.substr(address.rfind(':') + 1);
  }

  static constexpr const char* token = "hf_secret";
  const TemporaryDirectory directory;
  const Certificate certificate{directory.path()};
  const PythonServer front{PROJECT_DIR "/tests/hub/tls_front.py",
                           {certificate.file.string(), certificate.key.string(), port()}};
};

TEST_F(HubTlsTest, WhoCannotProveToBeTheHostIsToldNothing) {
  const Result result = text(*client_with(tls_settings()));
  EXPECT_EQ(result.fault, Fault::certificate_invalid) << result.text;
  EXPECT_THAT(result.text, AllOf(HasSubstr("127.0.0.1"), HasSubstr("SSL_CERT_FILE")));
  EXPECT_THAT(waits(), IsEmpty());
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(HubTlsTest, AFileOfCertificates) {
  hub.control({{"tokens", {{token, Json::array()}}}});
  HubSettings tls = tls_settings();
  tls.certificate_file = certificate.file;
  const Result result = text(*client_with(tls));
  EXPECT_EQ(result.fault, std::nullopt) << result.text;
  for (const Json& request : requests()) EXPECT_EQ(request.at("authorization"), "Bearer hf_secret");
  EXPECT_EQ(requests().size(), 2);
}

TEST_F(HubTlsTest, ADirectoryOfCertificates) {
  hub.control({{"tokens", {{token, Json::array()}}}});
  const TemporaryDirectory trusted;
  HubSettings tls = tls_settings();
  tls.certificate_directory = trusted.path();
  EXPECT_EQ(text(*client_with(tls)).fault, Fault::certificate_invalid);
  EXPECT_THAT(requests(), IsEmpty());
  std::string hash = output_of("openssl x509 -noout -hash -in '" + certificate.file.string() + "'");
  hash.erase(hash.find_last_not_of('\n') + 1);
  fs::copy_file(certificate.file, trusted / (hash + ".0"));
  EXPECT_EQ(text(*client_with(tls)).fault, std::nullopt);
}

TEST_F(HubTlsTest, TheCertificateOfAnotherHost) {
  const TemporaryDirectory other_directory;
  const Certificate other(other_directory.path(), "DNS:huggingface.co");
  const PythonServer other_front(PROJECT_DIR "/tests/hub/tls_front.py",
                                 {other.file.string(), other.key.string(), port()});
  HubSettings tls = settings(token);
  tls.endpoint = other_front.read_line().at("address");
  tls.certificate_file = other.file;
  EXPECT_EQ(text(*client_with(tls)).fault, Fault::certificate_invalid);
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(HubTlsTest, AFileThatHoldsNoCertificates) {
  HubSettings tls = tls_settings();
  tls.certificate_file = directory / "none.pem";
  EXPECT_EQ(text(*client_with(tls)).fault, Fault::certificate_invalid);
  write_file(directory / "none.pem", "no certificate");
  EXPECT_EQ(text(*client_with(tls)).fault, Fault::certificate_invalid);
  EXPECT_THAT(requests(), IsEmpty());
}

// The same host and port, and another scheme.
TEST_F(HubTlsTest, ATokenDoesNotFollowToPlainHttp) {
  hub.control({{"tokens", {{token, Json::array()}}}});
  hub.set_faults({{{"fault", "redirect_elsewhere"}, {"kind", "resolve"}}});
  HubSettings tls = tls_settings();
  tls.certificate_file = certificate.file;
  EXPECT_EQ(text(*client_with(tls)).fault, Fault::redirect_invalid);
  const auto asked = requests();
  ASSERT_GE(asked.size(), 2);
  EXPECT_EQ(asked.at(0).at("authorization"), "Bearer hf_secret");
  for (std::size_t i = 1; i < asked.size(); ++i) {
    EXPECT_EQ(asked.at(i).at("authorization"), nullptr);
  }
}

}  // namespace
}  // namespace gamma_extract
