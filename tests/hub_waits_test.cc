#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hub_client.h"
#include "hub_client_fixture.h"

namespace gamma_extract {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using testing::first_commit;
using ::testing::HasSubstr;
using testing::HubClientFixture;
using ::testing::IsEmpty;
using testing::ManualClock;
using ::testing::MatchesRegex;
using testing::Result;

/// When HubClient asks again, and how long it waits before.
class HubWaitsTest : public HubClientFixture {
 protected:
  static Result names(const HubClient& client) {
    return result_of([&] { static_cast<void>(client.names(first_commit)); });
  }
  static Result commit(const HubClient& client, Retries retries) {
    return result_of([&] { static_cast<void>(client.commit_of("main", retries)); });
  }
};

TEST_F(HubWaitsTest, AStatusThatPassesIsAskedAgainSixTimes) {
  for (const char* name : {"timeout_408", "error_500", "error_502", "error_503", "error_504"}) {
    SCOPED_TRACE(name);
    forget();
    hub.set_faults({{{"fault", name}}});
    const Result result = names(*client());
    EXPECT_EQ(result.fault, Fault::hub_unavailable);
    EXPECT_THAT(result.text, AllOf(HasSubstr("Org/Name"), HasSubstr("6 times")));
    EXPECT_EQ(requests().size(), 6);
    EXPECT_EQ(waits(), (Seconds{1, 2, 4, 8, 8}));
  }
}

TEST_F(HubWaitsTest, TheFifthOtherTryMayDo) {
  hub.set_faults({{{"fault", "error_500"}, {"times", 5}}});
  EXPECT_EQ(names(*client()).fault, std::nullopt);
  EXPECT_EQ(waits(), (Seconds{1, 2, 4, 8, 8}));
}

TEST_F(HubWaitsTest, AStatusThatStaysIsNotAskedAgain) {
  for (const long status : {400L, 404L, 410L, 416L, 501L, 505L}) {
    forget();
    hub.set_faults({{{"fault", "status"}, {"status", status}}});
    EXPECT_EQ(names(*client()).fault, Fault::hub_refused) << status;
    EXPECT_EQ(requests().size(), 1);
    EXPECT_THAT(waits(), IsEmpty());
  }
}

TEST_F(HubWaitsTest, AConnectionThatBreaksIsTriedAgain) {
  for (const char* name : {"empty_answer", "reset_at_once"}) {
    SCOPED_TRACE(name);
    forget();
    hub.set_faults({{{"fault", name}}});
    EXPECT_EQ(names(*client()).fault, Fault::network_interrupted);
    EXPECT_EQ(requests().size(), 6);
    EXPECT_EQ(waits(), (Seconds{1, 2, 4, 8, 8}));
  }
}

TEST_F(HubWaitsTest, AServerThatDoesNotAnswerIsTriedAgain) {
  for (const char* name : {"no_answer", "slow_headers"}) {
    SCOPED_TRACE(name);
    forget();
    hub.set_faults({{{"fault", name}}});
    HubSettings impatient = settings();
    impatient.question_timeout = short_time;
    const Result result = commit(*client_with(impatient), Retries::all);
    EXPECT_EQ(result.fault, Fault::network_timeout);
    EXPECT_THAT(result.text, AllOf(HasSubstr("HF_HUB_ETAG_TIMEOUT"), HasSubstr("6 times")));
    // A slow server may still have to look at the last of them.
    for (int i = 0; i < 1000 && requests().size() < 6; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(requests().size(), 6);
    EXPECT_EQ(waits(), (Seconds{1, 2, 4, 8, 8}));
  }
}

TEST_F(HubWaitsTest, WhereNobodyListensIsTriedAgain) {
  HubSettings refused = settings();
  refused.endpoint = hub.address("refused");
  refused.proxy_variable = "http_proxy";
  const Result result = names(*client_with(refused));
  EXPECT_EQ(result.fault, Fault::network_unreachable);
  EXPECT_THAT(result.text, AllOf(HasSubstr("127.0.0.1"), HasSubstr("--offline"),
                                 HasSubstr("the proxy in http_proxy")));
  EXPECT_EQ(waits(), (Seconds{1, 2, 4, 8, 8}));
}

TEST_F(HubWaitsTest, AHubThatComesBackIsAskedOn) {
  hub.control({{"stop", {"cdn"}}});
  const HubClient returning(settings(), repo, watcher.observer(),
                            time.clock_that_waits([&](auto, const auto&) {
                              hub.control({{"start", {"cdn"}}});
                            }));
  EXPECT_EQ(read(returning).fault, std::nullopt);
}

TEST_F(HubWaitsTest, AQuestionThatNeedNotBeAnsweredIsAskedOnce) {
  for (const char* name : {"error_500", "rate_limited", "reset_at_once"}) {
    SCOPED_TRACE(name);
    forget();
    hub.set_faults({{{"fault", name}}});
    EXPECT_TRUE(commit(*client(), Retries::none).fault);
    EXPECT_EQ(requests().size(), 1);
    EXPECT_THAT(waits(), IsEmpty());
  }
}

TEST_F(HubWaitsTest, AWaitIsShownWhileItLasts) {
  hub.set_faults({{{"fault", "error_503"}, {"times", 1}}});
  EXPECT_EQ(names(*client()).fault, std::nullopt);
  EXPECT_THAT(notes(), ElementsAre(AllOf(HasSubstr("Org/Name"), HasSubstr("503"),
                                         HasSubstr("try 2 of 6 in 1 s"))));
  EXPECT_EQ(watcher.progress.note.text(), "");
  EXPECT_THAT(watcher.warnings(), IsEmpty());
}

TEST_F(HubWaitsTest, TheWaitThatIsShownGetsShorter) {
  hub.set_faults({{{"fault", "error_503"}, {"times", 2}}});
  Names shown;
  const HubClient hub_client(
      settings(), repo, watcher.observer(),
      time.clock_that_waits([&](std::chrono::milliseconds wait, const auto& check) {
        if (wait < std::chrono::seconds(2)) return;
        for (const int passes : {0, 999, 1, 999, 1, 5000}) {
          time.pass(std::chrono::milliseconds(passes));
          check();
          shown.push_back(watcher.progress.note.text());
        }
      }));
  EXPECT_EQ(names(hub_client).fault, std::nullopt);
  EXPECT_THAT(shown,
              ElementsAre(EndsWith("try 3 of 6 in 2 s"), EndsWith(" in 2 s"), EndsWith(" in 1 s"),
                          EndsWith(" in 1 s"), EndsWith(" in 0 s"), EndsWith(" in 0 s")));
}

// What the server asks for.

TEST_F(HubWaitsTest, ALimitIsWaitedForAndTold) {
  for (const char* by : {"RateLimit", "Retry-After", "both"}) {
    SCOPED_TRACE(by);
    forget();
    hub.set_faults({{{"fault", "rate_limited"}, {"by", by}, {"seconds", 20}, {"times", 2}}});
    const auto hub_client = client();
    EXPECT_EQ(names(*hub_client).fault, std::nullopt);
    EXPECT_EQ(requests().size(), 3);
    EXPECT_EQ(waits(), (Seconds{21, 21}));
  }
  ASSERT_FALSE(watcher.warnings().empty());
  EXPECT_THAT(watcher.warnings().front(),
              MatchesRegex(".*429.*until [0-9][0-9]:[0-9][0-9]:[0-9][0-9] \\(21 s\\).*"));
}

TEST_F(HubWaitsTest, ALimitUntilADate) {
  static_assert(ManualClock::begin == 1'700'000'000, "Tue, 14 Nov 2023 22:13:20 GMT");
  hub.set_faults({{{"fault", "status"},
                   {"status", 429},
                   {"retry_after", "Tue, 14 Nov 2023 22:13:40 GMT"},
                   {"times", 1}}});
  EXPECT_EQ(names(*client()).fault, std::nullopt);
  EXPECT_EQ(waits(), (Seconds{21}));
}

TEST_F(HubWaitsTest, ALimitThatSaysNothingIsTriedAsAnyOther) {
  for (const Json& fault :
       {Json{{"fault", "rate_limited"}, {"by", "nothing"}},
        Json{{"fault", "rate_limited"}, {"by", "RateLimit"}, {"left", 9}, {"seconds", 20}}}) {
    forget();
    hub.set_faults(Json::array({fault}));
    const Result result = names(*client());
    EXPECT_EQ(result.fault, Fault::hub_rate_limited);
    EXPECT_EQ(waits(), (Seconds{1, 2, 4, 8, 8})) << fault;
  }
}

TEST_F(HubWaitsTest, ALimitForEverEnds) {
  hub.set_faults({{{"fault", "rate_limited"}, {"seconds", 20}}});
  EXPECT_EQ(names(*client()).fault, Fault::hub_rate_limited);
  EXPECT_EQ(requests().size(), 6);
  EXPECT_EQ(waits(), (Seconds{21, 21, 21, 21, 21}));
}

TEST_F(HubWaitsTest, AnUnavailableServerMayAskToo) {
  hub.set_faults({{{"fault", "error_503"}, {"retry_after", 30}, {"times", 1}}});
  EXPECT_EQ(names(*client()).fault, std::nullopt);
  EXPECT_EQ(waits(), (Seconds{31}));
}

TEST_F(HubWaitsTest, AWholeWindowIsWaitedFor) {
  hub.set_faults({{{"fault", "rate_limited"}, {"seconds", 300}, {"times", 1}}});
  EXPECT_EQ(names(*client()).fault, std::nullopt);
  EXPECT_EQ(waits(), (Seconds{301}));
}

TEST_F(HubWaitsTest, ALongerWaitIsAnErrorAtOnce) {
  for (const char* by : {"RateLimit", "Retry-After"}) {
    forget();
    hub.set_faults({{{"fault", "rate_limited"}, {"by", by}, {"seconds", 301}}});
    const Result result = names(*client());
    EXPECT_EQ(result.fault, Fault::hub_rate_limited);
    EXPECT_THAT(result.text, AllOf(HasSubstr("302 s"), HasSubstr("run again after")));
    EXPECT_EQ(requests().size(), 1);
    EXPECT_THAT(waits(), IsEmpty());
  }
}

TEST_F(HubWaitsTest, ALimitHoldsForRangesToo) {
  hub.set_faults({{{"fault", "rate_limited"}, {"kind", "blob"}, {"seconds", 20}, {"times", 1}}});
  EXPECT_EQ(read(*client()).fault, std::nullopt);
  EXPECT_EQ(waits(), (Seconds{21}));
}

/// Threads that each read a range while the first answer to one of them is 429. None asks before
/// the wait is over.
TEST_F(HubWaitsTest, ALimitHoldsAllConnections) {
  constexpr std::size_t threads_count = 6;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t waiting = 0;
  std::size_t asked_meanwhile = 0;
  HubSettings two = settings();
  two.connections = 2;
  const HubClient shared(
      two, repo, watcher.observer(), time.clock_that_waits([&](auto, const auto&) {
        std::unique_lock lock(mutex);
        // Holds until another waits too; half a minute only where nobody ever does.
        ++waiting;
        changed.notify_all();
        changed.wait_for(lock, std::chrono::seconds(30), [&] { return waiting >= 2; });
        asked_meanwhile = ranges().size();
      }));
  static_cast<void>(shared.find(first_commit, shard));
  hub.set_faults({{{"fault", "rate_limited"}, {"kind", "blob"}, {"seconds", 20}, {"times", 1}},
                  {{"fault", "throttle"}, {"bytes_per_second", 20'000}}});
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < threads_count; ++i) {
      threads.emplace_back([&, i] {
        shared.read_range(
            first_commit, file(), i * 10'000, (i + 1) * 10'000, [](auto, auto) {}, StopFlag());
      });
    }
  }
  // One was limited, one was on its way, and some may have begun before the first had told of it.
  EXPECT_LT(asked_meanwhile, threads_count);
  EXPECT_GE(waiting, 2);
  EXPECT_EQ(watcher.warnings().size(), 1);
}

TEST_F(HubWaitsTest, AWaitIsCancelled) {
  hub.set_faults({{{"fault", "rate_limited"}, {"seconds", 200}}});
  std::size_t checks = 0;
  const HubClient stopped(settings(), repo, watcher.observer(),
                          time.clock_that_waits([&](auto, const auto& check) {
                            check();
                            ++checks;
                            watcher.stop.request(2);
                            check();
                            ++checks;
                          }));
  EXPECT_THROW(static_cast<void>(stopped.names(first_commit)), Stopped);
  EXPECT_EQ(checks, 1);
}

}  // namespace
}  // namespace gamma_extract
