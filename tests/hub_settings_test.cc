#include "hub_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "environment.h"
#include "expect_fault.h"
#include "temporary_directory.h"

namespace gamma_extract {
namespace {

using testing::environment;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TemporaryDirectory;
using testing::Words;
using testing::write_file;

HubSettings settings(Words variables) {
  variables.emplace("HOME", "/nowhere");
  return hub_settings(environment(std::move(variables)));
}

std::string error_of(const Words& variables) {
  try {
    settings(variables);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(HubSettingsTest, WithoutVariables) {
  const HubSettings usual = settings({});
  EXPECT_EQ(usual.endpoint, "https://huggingface.co");
  EXPECT_EQ(usual.token, std::nullopt);
  EXPECT_EQ(usual.question_timeout, std::chrono::seconds(10));
  EXPECT_EQ(usual.download_timeout, std::chrono::seconds(10));
  EXPECT_EQ(usual.stall_bytes_per_second, 1024);
  EXPECT_EQ(usual.stall_time, std::chrono::seconds(60));
  EXPECT_EQ(usual.certificate_file, std::nullopt);
  EXPECT_EQ(usual.certificate_directory, std::nullopt);
  EXPECT_EQ(usual.proxy_variable, std::nullopt);
  EXPECT_EQ(usual.connections, 8);
}

TEST(HubSettingsTest, AnEmptyVariableIsUnset) {
  const HubSettings usual = settings({{"HF_ENDPOINT", ""},
                                      {"HF_TOKEN", ""},
                                      {"HF_HUB_ETAG_TIMEOUT", ""},
                                      {"HF_HUB_DOWNLOAD_TIMEOUT", ""},
                                      {"SSL_CERT_FILE", ""},
                                      {"https_proxy", ""},
                                      {"GAMMA_EXTRACT_CONNECTIONS", ""}});
  EXPECT_EQ(usual.endpoint, "https://huggingface.co");
  EXPECT_EQ(usual.token, std::nullopt);
  EXPECT_EQ(usual.question_timeout, std::chrono::seconds(10));
  EXPECT_EQ(usual.download_timeout, std::chrono::seconds(10));
  EXPECT_EQ(usual.certificate_file, std::nullopt);
  EXPECT_EQ(usual.proxy_variable, std::nullopt);
  EXPECT_EQ(usual.connections, 8);
}

TEST(HubSettingsTest, TheEndpointLosesItsSlashes) {
  EXPECT_EQ(settings({{"HF_ENDPOINT", "https://mirror.org/"}}).endpoint, "https://mirror.org");
  EXPECT_EQ(settings({{"HF_ENDPOINT", "http://mirror.org:8/hub//"}}).endpoint,
            "http://mirror.org:8/hub");
}

TEST(HubSettingsTest, TheEndpointIsAnAddressOfTheWeb) {
  for (const char* text : {"huggingface.co", "/", "https://", "ftp://a", "file:///a", "https://a b",
                           "https://a?b", "https://a#b"}) {
    SCOPED_TRACE(text);
    EXPECT_FAULT(settings({{"HF_ENDPOINT", text}}), endpoint_invalid);
  }
  EXPECT_THAT(error_of({{"HF_ENDPOINT", "huggingface.co"}}),
              HasSubstr("HF_ENDPOINT=huggingface.co: "));
  EXPECT_THAT(error_of({{"HF_ENDPOINT", "user:secret@host"}}), Not(HasSubstr("secret")));
}

TEST(HubSettingsTest, TheFirstTokenThatIsSetCounts) {
  const TemporaryDirectory home;
  write_file(home / "token", "hf_file\n");
  Words variables{{"HF_HOME", home.path().string()}};
  EXPECT_EQ(settings(variables).token, "hf_file");
  variables["HUGGING_FACE_HUB_TOKEN"] = "hf_old";
  EXPECT_EQ(settings(variables).token, "hf_old");
  variables["HF_TOKEN"] = "hf_new";
  EXPECT_EQ(settings(variables).token, "hf_new");
  variables["HF_TOKEN"] = " \n\t";
  EXPECT_EQ(settings(variables).token, "hf_old");
  variables["HUGGING_FACE_HUB_TOKEN"] = " ";
  EXPECT_EQ(settings(variables).token, "hf_file");
  write_file(home / "other", "hf_other");
  variables["HF_TOKEN_PATH"] = (home / "other").string();
  EXPECT_EQ(settings(variables).token, "hf_other");
}

TEST(HubSettingsTest, ATokenIsTakenAsPeoplePasteIt) {
  EXPECT_EQ(settings({{"HF_TOKEN", " \t\r\nhf_a\r\nb\n "}}).token, "hf_ab");
  const TemporaryDirectory home;
  write_file(home / "token", "\n hf_a\n\n");
  EXPECT_EQ(settings({{"HF_HOME", home.path().string()}}).token, "hf_a");
  write_file(home / "token", "\n");
  EXPECT_EQ(settings({{"HF_HOME", home.path().string()}}).token, std::nullopt);
}

TEST(HubSettingsTest, ATokenThatNoHeaderMayHoldIsRefused) {
  for (const char* token : {"hf_a b", "hf_\x01", "hf_\xc3\xa9", "hf_\x7f", "a\tb"}) {
    SCOPED_TRACE(token);
    EXPECT_FAULT(settings({{"HF_TOKEN", token}}), token_refused);
    EXPECT_FAULT(settings({{"HUGGING_FACE_HUB_TOKEN", token}}), token_refused);
  }
  EXPECT_THAT(error_of({{"HF_TOKEN", "hf_se cret"}}), Not(HasSubstr("cret")));
  EXPECT_THAT(error_of({{"HF_TOKEN", "hf_se cret"}}), HasSubstr("HF_TOKEN"));
}

TEST(HubSettingsTest, ATokenFileThatIsNoneIsToldByItsName) {
  const TemporaryDirectory home;
  const Words variables{{"HF_HOME", home.path().string()}};
  write_file(home / "token", "hf_se cret");
  EXPECT_FAULT(settings(variables), token_refused);
  EXPECT_THAT(error_of(variables), HasSubstr((home / "token").string()));
  EXPECT_THAT(error_of(variables), Not(HasSubstr("cret")));
  write_file(home / "token", std::string(20'000, 'a'));
  EXPECT_FAULT(settings(variables), token_refused);
  std::filesystem::remove(home / "token");
  std::filesystem::create_directory(home / "token");
  EXPECT_EQ(settings(variables).token, std::nullopt);
}

TEST(HubSettingsTest, NoTokenThatWasNotAskedFor) {
  for (const char* value : {"1", "on", "YES", "True"}) {
    EXPECT_EQ(settings({{"HF_TOKEN", "hf_a"}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN", value}}).token,
              std::nullopt)
        << value;
  }
  EXPECT_EQ(settings({{"HF_TOKEN", "hf_a"}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "0"}}).token, "hf_a");
}

TEST(HubSettingsTest, TheTokenFileNeedsAHome) {
  EXPECT_FAULT(hub_settings(environment({})), home_unknown);
  EXPECT_EQ(hub_settings(environment({{"HF_TOKEN", "hf_a"}})).token, "hf_a");
}

TEST(HubSettingsTest, TimeoutsAreWholeSeconds) {
  EXPECT_EQ(settings({{"HF_HUB_ETAG_TIMEOUT", "3"}}).question_timeout, std::chrono::seconds(3));
  EXPECT_EQ(settings({{"HF_HUB_DOWNLOAD_TIMEOUT", "86400"}}).download_timeout,
            std::chrono::hours(24));
  for (const char* name : {"HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"}) {
    for (const char* text : {"0", "-1", "1.5", "ten", "10s", " 10", "86401", "99999999999999"}) {
      SCOPED_TRACE(std::string(name) + "=" + text);
      EXPECT_FAULT(settings({{name, text}}), usage);
      EXPECT_THAT(error_of({{name, text}}), HasSubstr(name));
    }
  }
}

TEST(HubSettingsTest, ConnectionsAreFrom1To64) {
  EXPECT_EQ(settings({{"GAMMA_EXTRACT_CONNECTIONS", "1"}}).connections, 1);
  EXPECT_EQ(settings({{"GAMMA_EXTRACT_CONNECTIONS", "64"}}).connections, 64);
  for (const char* text : {"0", "65", "-1", "many"}) {
    SCOPED_TRACE(text);
    EXPECT_FAULT(settings({{"GAMMA_EXTRACT_CONNECTIONS", text}}), usage);
  }
}

TEST(HubSettingsTest, TheFirstVariableThatNamesCertificatesCounts) {
  const TemporaryDirectory here;
  const std::string file = here / "ca.pem";
  const std::string directory = here.path();
  write_file(file, "");
  Words variables;
  for (const char* name : {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"}) {
    variables[name] = file;
    EXPECT_EQ(settings(variables).certificate_file, file) << name;
    EXPECT_EQ(settings(variables).certificate_directory, std::nullopt) << name;
    variables[name] = directory;
    EXPECT_EQ(settings(variables).certificate_file, std::nullopt) << name;
    EXPECT_EQ(settings(variables).certificate_directory, directory) << name;
    variables[name] = "/other";
  }
  variables["SSL_CERT_DIR"] = directory;
  EXPECT_EQ(settings(variables).certificate_directory, directory);
  variables["SSL_CERT_FILE"] = file;
  EXPECT_EQ(settings(variables).certificate_file, file);
  EXPECT_EQ(settings(variables).certificate_directory, std::nullopt);
}

// OpenSSL's rule, and so Python's.
TEST(HubSettingsTest, ADirectoryOfCertificatesMayBeAList) {
  EXPECT_EQ(settings({{"SSL_CERT_DIR", "/a:/b"}}).certificate_directory, "/a:/b");
}

TEST(HubSettingsTest, TheProxyIsNamedByItsVariable) {
  Words variables;
  for (const char* name : {"ALL_PROXY", "all_proxy", "http_proxy", "HTTPS_PROXY", "https_proxy"}) {
    variables[name] = "http://proxy";
    EXPECT_EQ(settings(variables).proxy_variable, name);
  }
  // libcurl does not read this, since a server might set it for a script.
  EXPECT_EQ(settings({{"HTTP_PROXY", "http://proxy"}}).proxy_variable, std::nullopt);
}

}  // namespace
}  // namespace gamma_extract
