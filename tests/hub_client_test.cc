#include "hub_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "hub_client_fixture.h"

namespace gamma_extract {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::first_commit;
using ::testing::HasSubstr;
using testing::HubClientFixture;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Result;
using testing::second_commit;
using ::testing::UnorderedElementsAre;
using testing::write_file;

constexpr std::uint64_t limit = 1'000'000;

class HubClientTest : public HubClientFixture {
 protected:
  static Result commit(const HubClient& client, Retries retries = Retries::all) {
    return result_of([&] { static_cast<void>(client.commit_of("main", retries)); });
  }
  static Result text(const HubClient& client, const std::string& file = "config.json") {
    return result_of([&] { static_cast<void>(client.read_text(first_commit, file, limit)); });
  }
  static Result found(const HubClient& client, const std::string& file = shard) {
    return result_of([&] { static_cast<void>(client.find(first_commit, file)); });
  }
  static Result names(const HubClient& client) {
    return result_of([&] { static_cast<void>(client.names(first_commit)); });
  }

  /// Sets these faults, asks each of the four questions, and expects each to end with this.
  void expect_of_all(const Json& faults, Fault fault, const Seconds& expected_waits = {}) {
    using Ask = Result (*)(const HubClient&);
    const std::vector<std::pair<const char*, Ask>> questions{
        {"commit_of", [](const HubClient& it) { return commit(it); }},
        {"read_text", [](const HubClient& it) { return text(it); }},
        {"find", [](const HubClient& it) { return found(it); }},
        {"names", [](const HubClient& it) { return names(it); }}};
    for (const auto& [name, ask] : questions) {
      SCOPED_TRACE(std::string(name) + " " + faults.dump());
      forget();
      hub.set_faults(faults);
      const Result result = ask(*client());
      EXPECT_EQ(result.fault, fault) << result.text;
      EXPECT_EQ(waits(), expected_waits);
      EXPECT_EQ(asked().size(), expected_waits.size() + 1);
    }
  }
};

// What goes well.

TEST_F(HubClientTest, ARevisionIsACommit) {
  EXPECT_EQ(client()->commit_of("main", Retries::all), first_commit);
  EXPECT_EQ(client()->commit_of("v1", Retries::all), first_commit);
  EXPECT_EQ(client()->commit_of("feature/a", Retries::all), second_commit);
  EXPECT_EQ(client()->commit_of(second_commit, Retries::all), second_commit);
  EXPECT_THAT(asked(), ElementsAre("HEAD resolve hub", "HEAD resolve hub", "HEAD resolve hub",
                                   "HEAD resolve hub"));
  EXPECT_EQ(requests().at(2).at("target"), "/Org/Name/resolve/feature%2Fa/config.json");
}

TEST_F(HubClientTest, ARepositoryWithoutAConfigHasCommits) {
  std::filesystem::remove(root / repo / first_commit / "config.json");
  EXPECT_EQ(client()->commit_of("main", Retries::all), first_commit);
}

TEST_F(HubClientTest, ASmallFileIsReadWhole) {
  const auto text = client()->read_text(first_commit, "config.json", limit);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->text, config);
  EXPECT_EQ(text->etag.size(), 40);
  EXPECT_THAT(asked(), ElementsAre("GET resolve hub", "GET cache hub"));
  EXPECT_THAT(ranges(), IsEmpty());
}

TEST_F(HubClientTest, ANameIsEncoded) {
  const auto text = client()->read_text(first_commit, "a b/\xc3\xa9?#.json", limit);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->text, "{}");
}

TEST_F(HubClientTest, ALargeFileOfTextComesFromTheCdn) {
  write_file(root / repo / first_commit / "tokens.bin", "text");
  const auto text = client()->read_text(first_commit, "tokens.bin", limit);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->text, "text");
  EXPECT_EQ(text->etag.size(), 64);
  EXPECT_THAT(asked(), ElementsAre("GET resolve hub", "GET blob cdn"));
}

TEST_F(HubClientTest, AFileIsFoundByOneQuestion) {
  const auto file = client()->find(first_commit, shard);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->name, shard);
  EXPECT_EQ(file->etag, etag);
  EXPECT_EQ(file->size, shard_size);
  EXPECT_THAT(asked(), ElementsAre("HEAD resolve hub"));
}

TEST_F(HubClientTest, AFileThatIsNotThereIsNoError) {
  EXPECT_FALSE(client()->find(first_commit, "no.safetensors"));
  EXPECT_FALSE(client()->read_text(first_commit, "no.json", limit));
  EXPECT_EQ(asked().size(), 2);
}

TEST_F(HubClientTest, AllNamesAreListed) {
  EXPECT_THAT(client()->names(first_commit),
              UnorderedElementsAre("config.json", shard, "a b/\xc3\xa9?#.json"));
  EXPECT_THAT(asked(), ElementsAre("GET api hub"));
}

TEST_F(HubClientTest, EveryRequestSaysWhoAsksAndWantsNothingCompressed) {
  const auto hub_client = client();
  static_cast<void>(hub_client->commit_of("main", Retries::all));
  static_cast<void>(hub_client->read_text(first_commit, "config.json", limit));
  static_cast<void>(hub_client->find(first_commit, shard));
  static_cast<void>(hub_client->names(first_commit));
  EXPECT_EQ(read(*hub_client).fault, std::nullopt);
  for (const Json& request : requests()) {
    EXPECT_THAT(request.at("user_agent"), ::testing::StartsWith("gamma-extract/"));
    EXPECT_EQ(request.at("accept_encoding"), "identity");
    EXPECT_FALSE(request.at("headers").contains("If-Range"));
  }
}

TEST_F(HubClientTest, AConnectionIsKept) {
  const auto hub_client = client();
  for (int i = 0; i < 3; ++i) static_cast<void>(hub_client->names(first_commit));
  static_cast<void>(hub_client->read_text(first_commit, "config.json", limit));
  EXPECT_EQ(hub.log().at("connections_opened").at("hub"), 1);
}

TEST_F(HubClientTest, AConnectionThatTheServerClosesIsMadeAnew) {
  hub.set_faults({{{"fault", "connection_close"}}});
  EXPECT_EQ(text(*client()).fault, std::nullopt);
  EXPECT_EQ(read(*client()).fault, std::nullopt);
}

TEST_F(HubClientTest, ARenamedRepositoryIsFollowed) {
  hub.control({{"repositories", {{"Old/Name", {{"renamed_to", repo}}}}}});
  const HubClient old(settings("hf_x"), "Old/Name", watcher.observer(), clock());
  hub.control({{"tokens", {{"hf_x", Json::array({repo})}}}});
  EXPECT_EQ(old.commit_of("main", Retries::all), first_commit);
  EXPECT_EQ(old.read_text(first_commit, "config.json", limit).value_or(HubText{}).text, config);
  for (const Json& request : requests()) EXPECT_EQ(request.at("authorization"), "Bearer hf_x");
}

TEST_F(HubClientTest, AMirrorThatRedirectsIsFollowed) {
  HubSettings mirror = settings();
  mirror.endpoint = hub.address("mirror");
  const auto hub_client = client_with(mirror);
  EXPECT_EQ(hub_client->commit_of("main", Retries::all), first_commit);
  EXPECT_EQ(text(*hub_client).fault, std::nullopt);
  EXPECT_EQ(read(*hub_client).fault, std::nullopt);
}

// What the Hub says of a model.

TEST_F(HubClientTest, WhatTheHubRefusesIsTold) {
  const std::vector<std::pair<const char*, Fault>> refusals{
      {"repository_not_found", Fault::repository_not_found},
      {"revision_not_found", Fault::revision_not_found},
      {"gated", Fault::repository_gated},
      {"disabled", Fault::repository_disabled},
      {"bad_token", Fault::repository_not_found},
      {"unauthorized", Fault::repository_not_found},
      {"forbidden", Fault::hub_refused},
      {"missing", Fault::hub_refused}};
  for (const auto& [name, fault] : refusals) expect_of_all({{{"fault", name}}}, fault);
}

TEST_F(HubClientTest, ATokenThatTheHubDoesNotKnow) {
  const auto hub_client = client("hf_x");
  for (const Result& result : {commit(*hub_client), text(*hub_client), found(*hub_client),
                               names(*hub_client), read(*hub_client)}) {
    EXPECT_EQ(result.fault, Fault::token_refused);
    EXPECT_THAT(result.text, HasSubstr("HF_TOKEN"));
  }
}

TEST_F(HubClientTest, WhatToDoDependsOnTheToken) {
  hub.control(
      {{"repositories", {{repo, {{"gated", true}}}}}, {"tokens", {{"hf_x", Json::array()}}}});
  const Result without = text(*client());
  EXPECT_EQ(without.fault, Fault::repository_gated);
  EXPECT_THAT(without.text, AllOf(HasSubstr("Org/Name"), HasSubstr("no token"),
                                  HasSubstr(hub.address() + "/Org/Name"), HasSubstr("HF_TOKEN")));
  const Result with = text(*client("hf_x"));
  EXPECT_EQ(with.fault, Fault::repository_gated);
  EXPECT_THAT(with.text, AllOf(HasSubstr("your token has no access"), HasSubstr("fine-grained")));

  hub.control({{"repositories", {{repo, {{"gated", false}, {"private", true}}}}}});
  EXPECT_EQ(text(*client()).fault, Fault::repository_not_found);
  EXPECT_THAT(text(*client()).text, HasSubstr("HF_TOKEN"));
  EXPECT_EQ(text(*client("hf_x")).fault, Fault::repository_not_found);
  hub.control({{"tokens", {{"hf_x", Json::array({repo})}}}});
  EXPECT_EQ(text(*client("hf_x")).fault, std::nullopt);
}

TEST_F(HubClientTest, ARevisionThatIsNotThereIsNamed) {
  const Result result =
      result_of([&] { static_cast<void>(client()->commit_of("no/such", Retries::all)); });
  EXPECT_EQ(result.fault, Fault::revision_not_found);
  EXPECT_THAT(result.text, AllOf(HasSubstr("Org/Name"), HasSubstr("no/such")));
}

// Who answers is no Hub.

TEST_F(HubClientTest, AnAnswerWithoutACommitIsNoHubs) {
  for (const char* fault : {"no_commit", "captive_portal"}) {
    SCOPED_TRACE(fault);
    hub.set_faults({{{"fault", fault}}});
    for (const Result& result : {commit(*client()), text(*client()), found(*client())}) {
      EXPECT_EQ(result.fault, Fault::hub_answer_invalid) << result.text;
      EXPECT_THAT(result.text, HasSubstr("HF_ENDPOINT"));
    }
  }
  EXPECT_THAT(waits(), IsEmpty());
}

TEST_F(HubClientTest, AListOfNamesThatIsNoneIsNoHubs) {
  hub.set_faults({{{"fault", "captive_portal"}}});
  EXPECT_EQ(names(*client()).fault, Fault::hub_answer_invalid);
}

TEST_F(HubClientTest, ACommitIs40Digits) {
  for (const char* value : {"main", "CDBEE75F17C01A7CC42F958DC650907174AF0554", "../../x"}) {
    hub.set_faults({{{"fault", "header"}, {"name", "X-Repo-Commit"}, {"value", value}}});
    EXPECT_EQ(commit(*client()).fault, Fault::hub_answer_invalid) << value;
  }
}

TEST_F(HubClientTest, AnotherCommitThanTheOneAskedForIsRefused) {
  hub.set_faults({{{"fault", "header"}, {"name", "X-Repo-Commit"}, {"value", second_commit}}});
  EXPECT_EQ(text(*client()).fault, Fault::hub_answer_invalid);
  EXPECT_EQ(found(*client()).fault, Fault::hub_answer_invalid);
}

TEST_F(HubClientTest, WhatTheRedirectDoesNotSayItsTargetDoes) {
  hub.set_faults({{{"fault", "no_linked_size"}}});
  const auto sized = client()->find(first_commit, shard);
  ASSERT_TRUE(sized);
  EXPECT_EQ(sized->size, shard_size);
  EXPECT_EQ(sized->etag, etag);
  hub.set_faults({{{"fault", "bad_linked_size"}}});
  EXPECT_EQ(client()->find(first_commit, shard).value_or(HubFile{}).size, shard_size);
  hub.set_faults({{{"fault", "no_linked_etag"}}});
  const auto named = client()->find(first_commit, "config.json");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->etag.size(), 40);
  EXPECT_THAT(named->etag, Not(HasSubstr("\"")));
}

TEST_F(HubClientTest, AFileWithoutEtagOrSizeIsRefused) {
  const Json no_etag{{"fault", "header"}, {"name", "ETag"}};
  hub.set_faults({{{"fault", "no_linked_etag"}}, no_etag});
  EXPECT_EQ(found(*client()).fault, Fault::hub_answer_invalid);
  hub.set_faults({{{"fault", "no_linked_size"}}, {{"fault", "chunked"}, {"method", "*"}}});
  EXPECT_EQ(found(*client()).fault, Fault::hub_answer_invalid);
}

TEST_F(HubClientTest, AnEtagLosesItsQuotes) {
  for (const char* value : {"\"abc\"", "W/\"abc\"", "abc"}) {
    hub.set_faults({{{"fault", "header"}, {"name", "X-Linked-Etag"}, {"value", value}}});
    EXPECT_EQ(client()->find(first_commit, shard).value_or(HubFile{}).etag, "abc") << value;
  }
}

TEST_F(HubClientTest, ATextHasTheSizeThatTheHubSays) {
  for (const int by : {8, -8}) {
    hub.set_faults({{{"fault", "size_changes"}, {"kind", "cache"}, {"by", by}}});
    EXPECT_EQ(text(*client()).fault, Fault::hub_answer_invalid) << by;
  }
}

TEST_F(HubClientTest, ATextThatIsCutIsReadAgainFromItsBeginning) {
  for (const char* fault : {"body_cut", "reset"}) {
    SCOPED_TRACE(fault);
    forget();
    hub.set_faults({{{"fault", fault}, {"after", 5}, {"times", 2}}});
    const auto text = client()->read_text(first_commit, "config.json", limit);
    ASSERT_TRUE(text);
    EXPECT_EQ(text->text, config);
    EXPECT_EQ(waits(), (Seconds{1, 2}));
  }
}

TEST_F(HubClientTest, ACompressedTextIsRefused) {
  for (const char* fault : {"gzip", "gzip_claimed"}) {
    hub.set_faults({{{"fault", fault}}});
    EXPECT_EQ(text(*client()).fault, Fault::encoding_not_identity) << fault;
  }
  hub.set_faults({{{"fault", "gzip"}, {"kind", "api"}}});
  EXPECT_EQ(names(*client()).fault, Fault::encoding_not_identity);
}

TEST_F(HubClientTest, ATextThatIsTooLargeIsNotRead) {
  hub.set_faults({{{"fault", "huge_file"}, {"bytes", limit + 1}}});
  EXPECT_EQ(text(*client()).fault, Fault::hub_answer_too_large);
  EXPECT_THAT(waits(), IsEmpty());
  hub.set_faults({{{"fault", "huge_file"}, {"bytes", limit + 1}}, {{"fault", "chunked"}}});
  EXPECT_EQ(text(*client()).fault, Fault::hub_answer_too_large);
  hub.set_faults({{{"fault", "huge_file"}, {"bytes", limit}}});
  EXPECT_EQ(text(*client()).fault, std::nullopt);
}

TEST_F(HubClientTest, WhatIsNoHttpIsNotAskedAgain) {
  for (const char* fault : {"not_http", "broken_status", "huge_headers"}) {
    expect_of_all({{{"fault", fault}}}, Fault::hub_answer_invalid);
  }
  // Beyond what libcurl takes of one line.
  expect_of_all({{{"fault", "huge_headers"}, {"bytes", 200'000}, {"count", 1}}},
                Fault::hub_answer_invalid);
}

// Redirects.

TEST_F(HubClientTest, ARedirectInACircleEnds) {
  for (const Json& redirect :
       {Json{{"fault", "redirect_loop"}},
        Json{
            {"fault", "redirect_elsewhere"}, {"kind", "resolve"}, {"location", "{hub}{target}"}}}) {
    forget();
    hub.set_faults(Json::array({redirect}));
    const Result result = text(*client());
    EXPECT_EQ(result.fault, Fault::redirect_invalid) << result.text;
    EXPECT_EQ(asked().size(), 21);
    EXPECT_THAT(waits(), IsEmpty());
  }
  for (const Result& result : {commit(*client()), found(*client())}) {
    EXPECT_EQ(result.fault, Fault::redirect_invalid) << result.text;
  }
}

TEST_F(HubClientTest, ARedirectThatLeadsOnInTheEndIsFollowed) {
  hub.set_faults({{{"fault", "redirect_loop"}, {"times", 19}}});
  EXPECT_EQ(text(*client()).fault, std::nullopt);
}

TEST_F(HubClientTest, ARedirectOutOfTheWebIsRefused) {
  for (const char* fault : {"redirect_file", "redirect_ftp"}) {
    SCOPED_TRACE(fault);
    hub.set_faults({{{"fault", fault}}});
    for (const Result& result : {commit(*client()), text(*client()), found(*client())}) {
      EXPECT_EQ(result.fault, Fault::redirect_invalid) << result.text;
    }
  }
  hub.set_faults({{{"fault", "redirect_nowhere"}}});
  EXPECT_EQ(text(*client()).fault, Fault::hub_refused);
}

TEST_F(HubClientTest, ARedirectWithALongBodyIsFollowed) {
  hub.set_faults({{{"fault", "body_longer"}, {"kind", "resolve"}, {"by", 200'000}}});
  EXPECT_EQ(text(*client()).fault, std::nullopt);
}

TEST_F(HubClientTest, AnErrorWithALongBodyIsUnderstood) {
  hub.set_faults({{{"fault", "entry_not_found"}},
                  {{"fault", "body_longer"}, {"kind", "resolve"}, {"by", 200'000}}});
  EXPECT_FALSE(client()->read_text(first_commit, "config.json", limit));
}

}  // namespace
}  // namespace gamma_extract
