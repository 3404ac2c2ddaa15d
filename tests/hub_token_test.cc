#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <string>
#include <vector>

#include "hub_client.h"
#include "hub_client_fixture.h"
#include "process.h"
#include "url.h"

namespace gamma_extract {
namespace {

using ::testing::AllOf;
using testing::first_commit;
using ::testing::HasSubstr;
using testing::HubClientFixture;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Outcome;
using testing::Result;
using testing::run_in_child;

constexpr std::uint64_t limit = 1'000'000;

/// Where the token goes, and where neither it nor another secret does.
class HubTokenTest : public HubClientFixture {
 protected:
  HubTokenTest() {
    hub.control({{"tokens", {{token, Json::array()}, {odd_token, Json::array()}}}});
  }
  /// No secret is in any warning or note.
  ~HubTokenTest() override {
    Names words = notes();
    const std::vector<std::string> warnings = watcher.warnings();
    words.insert(words.end(), warnings.begin(), warnings.end());
    for (const std::string& each : words) expect_no_secret(each);
  }

  static void expect_no_secret(const std::string& text) {
    // The token's first half would be too much, too.
    for (const char* secret : {"SeCret", "secret", "Signature", "Expires", "pass"}) {
      EXPECT_THAT(text, Not(HasSubstr(secret)));
    }
  }

  static Result text(const HubClient& client) {
    return result_of(
        [&] { static_cast<void>(client.read_text(first_commit, "config.json", limit)); });
  }
  /// What all of the calls come to, one after the other.
  std::vector<Result> all(const HubClient& client) {
    return {result_of([&] { static_cast<void>(client.commit_of("main", Retries::all)); }),
            text(client), result_of([&] { static_cast<void>(client.find(first_commit, shard)); }),
            result_of([&] { static_cast<void>(client.names(first_commit)); }), read(client)};
  }
  /// Every request to `origin` has the token, and none to any other.
  void expect_token_only_at(const std::string& origin, std::size_t least = 1) {
    std::size_t with = 0;
    for (const Json& request : requests()) {
      const bool is_there = request.at("origin") == origin;
      EXPECT_EQ(request.at("authorization").is_string(), is_there) << request;
      if (is_there) ++with;
      // Nor anywhere else in it.
      if (!is_there) {
        EXPECT_THAT(request.at("headers").dump(), Not(HasSubstr("SeCret")));
      }
    }
    EXPECT_GE(with, least);
  }

  static constexpr const char* token = "hf_SeCretSeCretSeCret";
  static constexpr const char* odd_token = "hf+SeCret/SeCret=";
};

TEST_F(HubTokenTest, TheHubSeesItAndTheCdnDoesNot) {
  for (const Result& result : all(*client(token))) EXPECT_EQ(result.fault, std::nullopt);
  expect_token_only_at("hub", 4);
  EXPECT_EQ(requests().front().at("authorization"), "Bearer " + std::string(token));
  EXPECT_EQ(count("GET blob cdn"), 1);
}

TEST_F(HubTokenTest, WithoutATokenNobodySeesOne) {
  for (const Result& result : all(*client())) EXPECT_EQ(result.fault, std::nullopt);
  for (const Json& request : requests()) EXPECT_EQ(request.at("authorization"), nullptr);
}

TEST_F(HubTokenTest, AStrangerDoesNotSeeIt) {
  for (const char* fault : {"redirect_elsewhere", "redirect_308"}) {
    SCOPED_TRACE(fault);
    forget();
    hub.set_faults({{{"fault", fault}, {"origin", "hub"}}});
    for (const Result& result : all(*client(token))) EXPECT_EQ(result.fault, std::nullopt);
    expect_token_only_at("hub", 4);
    EXPECT_EQ(count("GET api elsewhere"), 1);
  }
}

TEST_F(HubTokenTest, WhoeverTheCdnSendsToDoesNotSeeIt) {
  hub.set_faults({{{"fault", "cdn_redirects"}, {"origin", "cdn"}}});
  for (const Result& result : all(*client(token))) EXPECT_EQ(result.fault, std::nullopt);
  expect_token_only_at("hub", 4);
  EXPECT_EQ(count("GET blob elsewhere"), 1);
}

TEST_F(HubTokenTest, TheHubBehindAMirrorDoesNotSeeIt) {
  HubSettings mirror = settings(token);
  mirror.endpoint = hub.address("mirror");
  for (const Result& result : all(*client_with(mirror))) EXPECT_EQ(result.fault, std::nullopt);
  expect_token_only_at("mirror", 4);
}

// Another name of the same host is another origin.
TEST_F(HubTokenTest, AHostByAnotherNameDoesNotSeeIt) {
  const std::string address = hub.address();
  const std::string other = "http://localhost" + address.substr(address.rfind(':'));
  hub.set_faults({{{"fault", "redirect_elsewhere"},
                   {"kind", "api"},
                   {"location", other + "{target}?x"},
                   {"times", 1}}});
  EXPECT_EQ(client(token)->names(first_commit).size(), 3);
  ASSERT_EQ(requests().size(), 2);
  EXPECT_EQ(requests().at(1).at("authorization"), nullptr);
}

TEST_F(HubTokenTest, APasswordOfTheEndpointGoesNoFurther) {
  HubSettings with_password = settings();
  with_password.endpoint = "http://user:password@" + hub.address().substr(7);
  hub.control({{"tokens", {{"Basic dXNlcjpwYXNzd29yZA==", Json::array()}}}});
  for (const Result& result : all(*client_with(with_password))) {
    EXPECT_EQ(result.fault, std::nullopt) << result.text;
  }
  for (const Json& request : requests()) {
    EXPECT_EQ(request.at("authorization").is_string(), request.at("origin") == "hub") << request;
  }
}

// What is told holds no secret.

TEST_F(HubTokenTest, WhatTheServerSaysOfItIsNotTold) {
  for (const char* each : {token, odd_token}) {
    for (const long status : {401L, 403L, 404L, 500L, 418L}) {
      for (const char* code : {"", "GatedRepo", "RepoNotFound", "RevisionNotFound"}) {
        hub.set_faults({{{"fault", "status"},
                         {"status", status},
                         {"code", code},
                         {"message", std::string("the token ") + each + " is none"}}});
        for (const Result& result : all(*client(each))) {
          EXPECT_TRUE(result.fault);
          expect_no_secret(result.text);
        }
      }
    }
  }
}

TEST_F(HubTokenTest, NotEvenAPartOfIt) {
  for (std::size_t before = 270; before < 300; ++before) {
    hub.set_faults({{{"fault", "forbidden"}, {"message", std::string(before, 'x') + token}}});
    const Result result = text(*client(token));
    EXPECT_THAT(result.text, HasSubstr("xxx"));
    expect_no_secret(result.text);
    EXPECT_THAT(result.text, Not(HasSubstr("hf_")));
  }
}

TEST_F(HubTokenTest, WhatAnyFieldSaysOfItIsNotTold) {
  for (const char* name : {"X-Repo-Commit", "X-Linked-Etag", "Content-Range", "Content-Encoding"}) {
    SCOPED_TRACE(name);
    hub.set_faults({{{"fault", "header"}, {"name", name}, {"value", token}}});
    std::size_t failed = 0;
    for (const Result& result : all(*client(token))) {
      if (result.fault) ++failed;
      expect_no_secret(result.text);
    }
    EXPECT_GT(failed, 0);
  }
}

TEST_F(HubTokenTest, WhatARedirectSaysOfItIsNotTold) {
  const auto expect_hidden = [&](const char* each, const std::string& location) {
    SCOPED_TRACE(location);
    hub.set_faults(
        {{{"fault", "redirect_loop"}, {"origin", "*"}, {"location", location}, {"kind", "any"}}});
    for (const Result& result : all(*client(each))) {
      EXPECT_TRUE(result.fault);
      expect_no_secret(result.text);
    }
  };
  for (const char* each : {token, odd_token}) {
    expect_hidden(each, std::string("{elsewhere}/") + each);
    expect_hidden(each, std::string("{elsewhere}/x?") + each);
    expect_hidden(each, "{elsewhere}/" + percent_encoded(each));
    expect_hidden(each, "file:///" + percent_encoded(each));
  }
  expect_hidden(odd_token, "{elsewhere}/hf%2bSeCret%2fSeCret%3d");
  expect_hidden(odd_token, "{elsewhere}/hf%2bSeCret/SeCret=");
  // A name of a host, in which case is lost.
  expect_hidden(token, std::string("http://") + "127.0.0.1.hf-SeCret.invalid:x/");
}

TEST_F(HubTokenTest, ANameOfAHostThatHoldsItIsNotTold) {
  constexpr const char* plain = "hfSeCret";
  hub.control({{"tokens", {{plain, Json::array()}}}});
  hub.set_faults({{{"fault", "redirect_refused"},
                   {"kind", "any"},
                   {"location", std::string("http://") + plain + ".invalid/"}}});
  const Result result = text(*client(plain));
  EXPECT_EQ(result.fault, Fault::network_unreachable);
  expect_no_secret(result.text);
}

TEST_F(HubTokenTest, ALinkIsToldWithoutItsSignature) {
  const std::string secret = "?Signature=SeCret&Expires=1";
  for (const char* location :
       {"{cdn}/x", "{refused}/x", "http://user:pass@127.0.0.1:1/x", "{elsewhere}{target}"}) {
    SCOPED_TRACE(location);
    hub.set_faults(
        {{{"fault", "redirect_refused"}, {"kind", "any"}, {"location", location + secret}}});
    // What the redirect itself says is enough for some.
    std::size_t failed = 0;
    for (const Result& result : all(*client())) {
      if (result.fault) ++failed;
      expect_no_secret(result.text);
    }
    EXPECT_GE(failed, 3);
  }
}

TEST_F(HubTokenTest, APasswordOfTheEndpointIsNotTold) {
  for (const char* origin : {"refused", "cdn", "hub", "elsewhere"}) {
    HubSettings with_password = settings();
    with_password.endpoint = "http://user:password@" + hub.address(origin).substr(7);
    for (const Result& result : all(*client_with(with_password))) {
      EXPECT_TRUE(result.fault);
      expect_no_secret(result.text);
    }
  }
}

TEST_F(HubTokenTest, AWarningHoldsNone) {
  hub.set_faults({{{"fault", "rate_limited"}, {"times", 1}}});
  EXPECT_EQ(text(*client(token)).fault, std::nullopt);
  EXPECT_FALSE(watcher.warnings().empty());
}

// Proxies.

class HubProxyTest : public HubClientFixture {
 protected:
  /// What reading config.json through a proxy comes to, in a process of its own: libcurl reads the
  /// environment.
  Outcome through(const std::string& proxy, const char* no_proxy = nullptr) {
    return run_in_child([&] {
      ::setenv("http_proxy", proxy.c_str(), 1);
      ::unsetenv("no_proxy");
      ::unsetenv("NO_PROXY");
      if (no_proxy != nullptr) ::setenv("NO_PROXY", no_proxy, 1);
      HubSettings named = settings();
      named.proxy_variable = "http_proxy";
      try {
        static_cast<void>(client_with(named)->read_text(first_commit, "config.json", limit));
      } catch (const Error& error) {
        std::puts(error.what());
        return static_cast<int>(error.fault());
      }
      return 0;
    });
  }
};

TEST_F(HubProxyTest, EveryRequestGoesThroughTheProxy) {
  const Outcome outcome = through(hub.address("elsewhere"));
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_EQ(requests().size(), 2);
  for (const Json& request : requests()) EXPECT_EQ(request.at("proxied"), true);
  EXPECT_FALSE(hub.log().at("connections_opened").contains("hub"));
}

TEST_F(HubProxyTest, SaveWhereItSaysNoProxy) {
  EXPECT_EQ(through(hub.address("elsewhere"), "127.0.0.1").code, 0);
  for (const Json& request : requests()) EXPECT_EQ(request.at("proxied"), false);
}

TEST_F(HubProxyTest, AProxyThatIsNotThereIsNamedByItsVariable) {
  const Outcome outcome = through(hub.address("refused"));
  EXPECT_EQ(outcome.code, static_cast<int>(Fault::network_unreachable)) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("http_proxy"));
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(HubProxyTest, AProxysPasswordIsNotTold) {
  for (const std::string& proxy :
       {"http://user:secret@" + hub.address("refused").substr(7), std::string("user:secret@[x"),
        std::string("http://user:secret@[x"), std::string("gopher://user:secret@127.0.0.1:1"),
        std::string("http://user:secret@no.invalid"), std::string("http://user:sec ret@x"),
        std::string("http://user:secret@127.0.0.1:99999999")}) {
    SCOPED_TRACE(proxy);
    const Outcome outcome = through(proxy);
    EXPECT_GT(outcome.code, 0);
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("Org/Name"), Not(HasSubstr("sec"))));
  }
}

}  // namespace
}  // namespace gamma_extract
