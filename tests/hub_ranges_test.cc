#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "hub_client.h"
#include "hub_client_fixture.h"

namespace gamma_extract {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using testing::first_commit;
using ::testing::HasSubstr;
using testing::HubClientFixture;
using ::testing::IsEmpty;
using testing::Result;

/// Ranges of a file, through HubClient.
class HubRangesTest : public HubClientFixture {
 protected:
  /// Reads the whole file under these faults, which no other try would mend.
  void expect_at_once(const Json& faults, Fault fault) {
    SCOPED_TRACE(faults.dump());
    forget();
    hub.set_faults(faults);
    const Result result = read(*client());
    EXPECT_EQ(result.fault, fault) << result.text;
    EXPECT_EQ(received, "");
    EXPECT_THAT(asked(), ElementsAre("HEAD resolve hub", "GET blob cdn"));
    EXPECT_THAT(waits(), IsEmpty());
  }

  /// Settings with which a silent server ends nothing before a test is given up.
  [[nodiscard]] HubSettings patient() const {
    HubSettings patient = settings();
    patient.question_timeout = patient.download_timeout = patient.stall_time =
        std::chrono::hours(24);
    return patient;
  }
};

TEST_F(HubRangesTest, AnyRange) {
  const auto hub_client = client();
  for (const auto& [begin, end] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {0, shard_size}, {0, 1}, {8, 9}, {100, 200'000}, {shard_size - 1, shard_size}, {7, 7}}) {
    EXPECT_EQ(read(*hub_client, begin, end).fault, std::nullopt) << begin << " to " << end;
  }
  // Resolved once; an empty range needs nobody.
  EXPECT_EQ(count("HEAD resolve hub"), 1);
  EXPECT_THAT(ranges(), ElementsAre("bytes=0-299999", "bytes=0-0", "bytes=8-8", "bytes=100-199999",
                                    "bytes=299999-299999"));
}

TEST_F(HubRangesTest, ASmallFileHasRanges) {
  const auto hub_client = client();
  const auto file = hub_client->find(first_commit, "config.json");
  ASSERT_TRUE(file);
  std::string text;
  hub_client->read_range(
      first_commit, *file, 1, 5,
      [&](std::uint64_t, std::span<const std::byte> some) {
        text.append(reinterpret_cast<const char*>(some.data()), some.size());
      },
      StopFlag());
  EXPECT_EQ(text, std::string(config).substr(1, 4));
}

TEST_F(HubRangesTest, HoweverTheBytesCome) {
  for (const Json& fault :
       {Json{{"fault", "chunked"}}, Json{{"fault", "throttle"}, {"bytes_per_second", 1'000'000}},
        Json{{"fault", "cdn_redirects"}, {"origin", "cdn"}}, Json{{"fault", "body_beyond"}}}) {
    hub.set_faults(Json::array({fault}));
    EXPECT_EQ(read(*client()).fault, std::nullopt) << fault;
    EXPECT_THAT(waits(), IsEmpty()) << fault;
  }
}

TEST_F(HubRangesTest, WhatComesBeyondAnAnswerIsNoPartOfTheNext) {
  hub.set_faults({{{"fault", "body_beyond"}, {"bytes", 5000}}});
  const auto hub_client = client();
  for (int i = 0; i < 3; ++i) {
    // libcurl notices or not, depending on when the bytes come; `read` looks at those handed out.
    EXPECT_THAT(read(*hub_client, 0, 1000).fault,
                AnyOf(Eq(std::nullopt), Eq(Fault::hub_answer_invalid)));
  }
}

// What is not the range asked for is not believed.

TEST_F(HubRangesTest, NothingButTheRangeAskedFor) {
  for (const char* name :
       {"range_ignored", "range_as_200", "range_refused", "multipart_range", "range_first_later",
        "range_first_earlier", "range_last_later", "range_last_earlier", "range_shifted",
        "range_total", "range_no_total", "range_garbled", "range_missing", "body_shorter",
        "body_longer", "captive_portal"}) {
    expect_at_once({{{"fault", name}, {"kind", "blob"}}}, Fault::range_not_honoured);
  }
  expect_at_once({{{"fault", "header"},
                   {"kind", "blob"},
                   {"name", "Content-Range"},
                   {"value", "items 0-299999/300000"}}},
                 Fault::range_not_honoured);
  // Right, but with another status.
  expect_at_once({{{"fault", "range_as_200"}},
                  {{"fault", "header"},
                   {"kind", "blob"},
                   {"name", "Content-Range"},
                   {"value", "bytes 0-299999/300000"}}},
                 Fault::range_not_honoured);
}

TEST_F(HubRangesTest, AWholeFileIsNotReadInsteadOfARange) {
  hub.set_faults({{{"fault", "range_ignored"}},
                  {{"fault", "huge_file"}, {"kind", "blob"}, {"bytes", 1'000'000'000}}});
  EXPECT_EQ(read(*client()).fault, Fault::range_not_honoured);
  // The rest of it lies in buffers.
  EXPECT_LT(hub.log().at("body_bytes").get<std::uint64_t>(), 50'000'000);
}

TEST_F(HubRangesTest, NoByteBeyondTheRange) {
  hub.set_faults({{{"fault", "body_longer"}}, {{"fault", "chunked"}}});
  EXPECT_EQ(read(*client()).fault, Fault::range_not_honoured);
  EXPECT_EQ(ranges().size(), 1);
}

TEST_F(HubRangesTest, NothingCompressed) {
  expect_at_once({{{"fault", "gzip"}}}, Fault::encoding_not_identity);
  expect_at_once({{{"fault", "gzip_claimed"}}}, Fault::encoding_not_identity);
}

TEST_F(HubRangesTest, WhatIsNoHttp) {
  for (const char* name : {"not_http", "broken_status", "huge_headers"}) {
    expect_at_once({{{"fault", name}, {"kind", "blob"}}}, Fault::hub_answer_invalid);
  }
}

TEST_F(HubRangesTest, WhatTheCdnRefuses) {
  expect_at_once({{{"fault", "missing"}, {"kind", "blob"}}}, Fault::hub_refused);
  expect_at_once({{{"fault", "unauthorized"}, {"kind", "blob"}}}, Fault::repository_not_found);
}

// What breaks off goes on where it was.

TEST_F(HubRangesTest, ABodyGoesOnAtTheByteThatWasReached) {
  for (const char* name : {"body_cut", "reset"}) {
    SCOPED_TRACE(name);
    forget();
    hub.set_faults({{{"fault", name}, {"after", 1000}, {"times", 2}}});
    EXPECT_EQ(read(*client(), 10, 100'000).fault, std::nullopt);
    EXPECT_THAT(ranges(), ElementsAre("bytes=10-99999", "bytes=1010-99999", "bytes=2010-99999"));
    EXPECT_EQ(waits(), (Seconds{1, 2}));
    EXPECT_EQ(count("HEAD resolve hub"), 1);
  }
}

TEST_F(HubRangesTest, ProgressStartsTheCountAnew) {
  hub.set_faults({{{"fault", "body_cut"}, {"after", 70'000}}});
  EXPECT_EQ(read(*client()).fault, std::nullopt);
  EXPECT_EQ(ranges().size(), 5);
  EXPECT_EQ(waits(), (Seconds{1, 1, 1, 1}));
}

TEST_F(HubRangesTest, AFewBytesAreNoProgress) {
  hub.set_faults({{{"fault", "body_cut"}, {"after", 1000}}});
  const Result result = read(*client());
  EXPECT_EQ(result.fault, Fault::network_interrupted);
  EXPECT_THAT(result.text, AllOf(HasSubstr("6 times"), HasSubstr("byte 6000"), HasSubstr("kept")));
  EXPECT_EQ(received.size(), 6000);
  EXPECT_EQ(ranges().size(), 6);
  EXPECT_EQ(waits(), (Seconds{1, 2, 4, 8, 8}));
}

TEST_F(HubRangesTest, AnAnswerThatEndsEarlyGoesOn) {
  hub.set_faults({{{"fault", "body_shorter"}, {"by", -1000}, {"times", 1}},
                  {{"fault", "chunked"}, {"times", 1}}});
  EXPECT_EQ(read(*client()).fault, std::nullopt);
  EXPECT_THAT(ranges(), ElementsAre("bytes=0-299999", "bytes=299000-299999"));
  EXPECT_EQ(waits(), (Seconds{1}));
}

// Nothing is left to ask for.
TEST_F(HubRangesTest, AnAnswerThatBreaksOffBehindItsLastByteIsWhole) {
  for (const char* name : {"body_cut", "reset"}) {
    forget();
    hub.set_faults({{{"fault", "body_longer"}},
                    {{"fault", "chunked"}},
                    {{"fault", name}, {"after", shard_size}}});
    const Result result = read(*client());
    EXPECT_EQ(result.fault, std::nullopt) << result.text;
    EXPECT_EQ(ranges().size(), 1);
    EXPECT_THAT(waits(), IsEmpty());
  }
}

TEST_F(HubRangesTest, AStatusThatPassesIsAskedAgain) {
  for (const char* name : {"timeout_408", "error_500", "error_502", "error_503", "error_504"}) {
    SCOPED_TRACE(name);
    forget();
    hub.set_faults({{{"fault", name}, {"kind", "blob"}, {"times", 2}}});
    EXPECT_EQ(read(*client()).fault, std::nullopt);
    EXPECT_EQ(waits(), (Seconds{1, 2}));
    EXPECT_EQ(ranges().size(), 3);
  }
}

TEST_F(HubRangesTest, AServerThatStallsIsLeft) {
  HubSettings impatient = settings();
  impatient.download_timeout = ample_time;
  hub.set_faults({{{"fault", "stall"}, {"times", 2}}});
  EXPECT_EQ(read(*client_with(impatient)).fault, std::nullopt);
  EXPECT_THAT(ranges(), ElementsAre("bytes=0-299999", "bytes=1000-299999", "bytes=2000-299999"));
  EXPECT_EQ(waits(), (Seconds{1, 2}));
}

TEST_F(HubRangesTest, AServerThatStallsForEverIsGivenUp) {
  HubSettings impatient = settings();
  impatient.download_timeout = short_time;
  hub.set_faults({{{"fault", "stall"}, {"after", 0}}});
  const Result result = read(*client_with(impatient));
  EXPECT_EQ(result.fault, Fault::network_timeout);
  EXPECT_THAT(result.text, HasSubstr("HF_HUB_DOWNLOAD_TIMEOUT"));
  EXPECT_EQ(waits(), (Seconds{1, 2, 4, 8, 8}));
}

TEST_F(HubRangesTest, AFewBytesDoNotAddUpToProgress) {
  hub.set_faults({{{"fault", "body_cut"}, {"after", 30'000}}});
  EXPECT_EQ(read(*client()).fault, Fault::network_interrupted);
  EXPECT_EQ(ranges().size(), 6);
}

TEST_F(HubRangesTest, AServerThatTricklesIsLeft) {
  HubSettings impatient = settings();
  impatient.stall_time = ample_time;
  hub.set_faults({{{"fault", "trickle"}, {"times", 1}}});
  EXPECT_EQ(read(*client_with(impatient)).fault, std::nullopt);
  EXPECT_EQ(ranges().size(), 2);
  EXPECT_EQ(waits(), (Seconds{1}));
}

// Links.

TEST_F(HubRangesTest, AnExpiredLinkIsMadeAnew) {
  hub.set_faults({{{"fault", "expired_link"}, {"times", 1}}});
  EXPECT_EQ(read(*client()).fault, std::nullopt);
  EXPECT_THAT(asked(),
              ElementsAre("HEAD resolve hub", "GET blob cdn", "HEAD resolve hub", "GET blob cdn"));
  EXPECT_THAT(waits(), IsEmpty());
}

TEST_F(HubRangesTest, ALinkMayExpireInTheMiddle) {
  hub.set_faults({{{"fault", "body_cut"}, {"after", 100'000}, {"times", 2}},
                  {{"fault", "expired_link"}, {"skip", 1}, {"times", 1}}});
  EXPECT_EQ(read(*client()).fault, std::nullopt);
  EXPECT_EQ(count("HEAD resolve hub"), 2);
}

TEST_F(HubRangesTest, ALinkThatHasExpiredForEverIsRefused) {
  hub.set_faults({{{"fault", "expired_link"}}});
  const Result result = read(*client());
  EXPECT_EQ(result.fault, Fault::hub_refused) << result.text;
  EXPECT_THAT(asked(),
              ElementsAre("HEAD resolve hub", "GET blob cdn", "HEAD resolve hub", "GET blob cdn"));
}

TEST_F(HubRangesTest, ARealLinkExpires) {
  hub.control({{"link_seconds", 0}});
  const auto hub_client = client();
  static_cast<void>(hub_client->find(first_commit, shard));
  hub.control({{"link_seconds", 3600}});
  EXPECT_EQ(read(*hub_client).fault, std::nullopt);
  EXPECT_EQ(count("HEAD resolve hub"), 2);
}

TEST_F(HubRangesTest, ALinkToNowhereIsUnreachable) {
  hub.set_faults({{{"fault", "redirect_refused"}}});
  const Result result = read(*client());
  EXPECT_EQ(result.fault, Fault::network_unreachable) << result.text;
  EXPECT_EQ(waits(), (Seconds{1, 2, 4, 8, 8}));
}

// The file stays the same.

TEST_F(HubRangesTest, AnotherFileThanTheOneKnownIsNotRead) {
  for (const Json& fault : {Json{{"fault", "etag_changes"}}, Json{{"fault", "size_changes"}},
                            Json{{"fault", "size_changes"}, {"by", -8}}}) {
    SCOPED_TRACE(fault.dump());
    forget();
    hub.set_faults(Json::array({fault}));
    EXPECT_EQ(read(*client()).fault, Fault::hub_file_changed);
    EXPECT_THAT(asked(), ElementsAre("HEAD resolve hub"));
  }
}

TEST_F(HubRangesTest, AFileThatChangesBetweenLinksIsNotReadOn) {
  for (const char* name : {"etag_changes", "size_changes"}) {
    SCOPED_TRACE(name);
    forget();
    hub.set_faults({{{"fault", name}, {"kind", "resolve"}, {"skip", 1}},
                    {{"fault", "body_cut"}, {"after", 1000}, {"times", 1}},
                    {{"fault", "expired_link"}, {"skip", 1}}});
    const Result result = read(*client());
    EXPECT_EQ(result.fault, Fault::hub_file_changed);
    EXPECT_THAT(result.text, AllOf(HasSubstr(etag), HasSubstr("300000"), HasSubstr(first_commit)));
    EXPECT_EQ(received.size(), 1000);
  }
}

TEST_F(HubRangesTest, AFileThatIsGoneIsNotReadOn) {
  hub.set_faults({{{"fault", "entry_not_found"}, {"skip", 1}}, {{"fault", "expired_link"}}});
  EXPECT_EQ(read(*client()).fault, Fault::hub_file_changed);
}

// Threads.

TEST_F(HubRangesTest, ThreadsShareTheConnections) {
  HubSettings three = settings();
  three.connections = 3;
  const auto hub_client = client_with(three);
  hub.set_faults({{{"fault", "throttle"}, {"bytes_per_second", 400'000}}});
  std::vector<std::string> parts(10);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      threads.emplace_back([&, i] {
        hub_client->read_range(
            first_commit, file(), i * 30'000, (i + 1) * 30'000,
            [&](std::uint64_t, std::span<const std::byte> some) {
              parts.at(i).append(reinterpret_cast<const char*>(some.data()), some.size());
            },
            StopFlag());
      });
    }
  }
  std::string all;
  for (const std::string& part : parts) all += part;
  EXPECT_EQ(all, bytes);
  const Json log = hub.log();
  EXPECT_EQ(log.at("connections_most_open").at("cdn"), 3);
  EXPECT_EQ(log.at("connections_opened").at("cdn"), 3);
  EXPECT_LE(log.at("connections_most_open").at("hub"), 3);
}

TEST_F(HubRangesTest, AnExpiredLinkIsMadeAnewForAllThreads) {
  hub.control({{"link_seconds", 0}});
  HubSettings one = settings();
  one.connections = 1;
  const auto hub_client = client_with(one);
  static_cast<void>(hub_client->find(first_commit, shard));
  hub.control({{"link_seconds", 3600}});
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i < 10; ++i) {
      threads.emplace_back([&, i] {
        hub_client->read_range(
            first_commit, file(), i, i + 1, [](auto, auto) {}, StopFlag());
      });
    }
  }
  for (const Json& request : requests()) {
    EXPECT_THAT(request.at("status"), AnyOf(302, 206, 403));
  }
}

// Ends that are asked for.

TEST_F(HubRangesTest, ASinkMayThrow) {
  const auto hub_client = client();
  const auto throws = [](std::uint64_t, std::span<const std::byte>) {
    throw std::runtime_error("the disk is full");
  };
  EXPECT_THROW(hub_client->read_range(first_commit, file(), 0, shard_size, throws, StopFlag()),
               std::runtime_error);
  EXPECT_EQ(ranges().size(), 1);
  EXPECT_THAT(waits(), IsEmpty());
  // The client is as good as before.
  EXPECT_EQ(read(*hub_client).fault, std::nullopt);
}

/// Begins `work`, and says at its end whether that was by Stopped.
template <class Work>
std::future<bool> ends_stopped(const Work& work) {
  return std::async(std::launch::async, [work] {
    try {
      work();
    } catch (const Stopped&) {
      return true;
    }
    return false;
  });
}

/// Runs `work`, asks it by `stop` to end once it has asked the server, and expects Stopped.
template <class Work, class Requests>
void expect_stopped(const Work& work, StopFlag& stop, const Requests& has_asked) {
  std::future<bool> stopped = ends_stopped(work);
  while (!has_asked()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  stop.request(2);
  EXPECT_TRUE(stopped.get());
}

TEST_F(HubRangesTest, AReadingIsCancelledWhileTheServerStalls) {
  hub.set_faults({{{"fault", "stall"}}});
  const auto hub_client = client_with(patient());
  StopFlag cancelled;
  expect_stopped(
      [&] {
        hub_client->read_range(
            first_commit, file(), 0, shard_size, [](auto, auto) {}, cancelled);
      },
      cancelled, [&] { return !ranges().empty(); });
}

TEST_F(HubRangesTest, ARunIsStoppedWhileTheServerStalls) {
  hub.set_faults({{{"fault", "no_answer"}}});
  const auto hub_client = client_with(patient());
  expect_stopped([&] { static_cast<void>(hub_client->names(first_commit)); }, watcher.stop,
                 [&] { return !requests().empty(); });
}

TEST_F(HubRangesTest, AReadingIsCancelledWhileItWaitsForAConnection) {
  HubSettings one = patient();
  one.connections = 1;
  hub.set_faults({{{"fault", "no_answer"}, {"kind", "api"}}});
  const auto hub_client = client_with(one);
  std::future<bool> holder =
      ends_stopped([&] { static_cast<void>(hub_client->names(first_commit)); });
  while (requests().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  StopFlag cancelled;
  expect_stopped(
      [&] {
        hub_client->read_range(
            first_commit, file(), 0, shard_size, [](auto, auto) {}, cancelled);
      },
      cancelled, [] { return true; });
  watcher.stop.request(2);
  EXPECT_TRUE(holder.get());
}

}  // namespace
}  // namespace gamma_extract
