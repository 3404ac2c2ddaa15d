#include "retry.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gamma_extract {
namespace {

using std::chrono::seconds;
using Fields = std::map<std::string, std::string, std::less<>>;

constexpr std::time_t now = 1'700'000'000;  // Tue, 14 Nov 2023 22:13:20 GMT

std::optional<seconds> asked(long status, const Fields& fields) {
  return asked_wait({.status = status, .fields = fields}, now);
}

TEST(WaitAfterTest, LongerAndLongerFiveTimes) {
  std::vector<long> waits;
  for (std::size_t number = 1; const auto wait = wait_after(number); ++number) {
    waits.push_back(wait->count());
  }
  EXPECT_EQ(waits, (std::vector<long>{1, 2, 4, 8, 8}));
  EXPECT_EQ(waits.size() + 1, max_tries);
  EXPECT_EQ(wait_after(0), std::nullopt);
  EXPECT_EQ(wait_after(max_tries), std::nullopt);
}

TEST(IsPassingTest, TheStatusesOfABusyServer) {
  for (const long status : {408L, 429L, 500L, 502L, 503L, 504L}) {
    EXPECT_TRUE(is_passing(status)) << status;
  }
  for (const long status : {0L, 200L, 206L, 302L, 400L, 401L, 403L, 404L, 416L, 501L, 505L}) {
    EXPECT_FALSE(is_passing(status)) << status;
  }
}

TEST(AskedWaitTest, UntilTheResetOfALimitThatIsUsedUpAndOneSecond) {
  EXPECT_EQ(asked(429, {{"ratelimit", R"("resolvers";r=0;t=172)"}}), seconds(173));
  EXPECT_EQ(asked(429, {{"ratelimit", R"("resolvers"; r=0; t=172)"}}), seconds(173));
  EXPECT_EQ(asked(429, {{"ratelimit", R"("resolvers";t=172;r=0)"}}), seconds(173));
  EXPECT_EQ(asked(429, {{"ratelimit", R"("resolvers";r=0;t=0)"}}), seconds(1));
  // It says more exactly what Retry-After says.
  EXPECT_EQ(asked(429, {{"ratelimit", R"("r";r=0;t=5)"}, {"retry-after", "7"}}), seconds(6));
}

// The field stands on every answer.
TEST(AskedWaitTest, ALimitWithSomethingLeftAsksForNothing) {
  EXPECT_EQ(asked(429, {{"ratelimit", R"("resolvers";r=9;t=172)"}}), std::nullopt);
  EXPECT_EQ(asked(429, {{"ratelimit", R"("resolvers";r=9;t=172)"}, {"retry-after", "7"}}),
            seconds(8));
  for (const long status : {200L, 404L, 500L, 503L}) {
    EXPECT_EQ(asked(status, {{"ratelimit", R"("resolvers";r=0;t=172)"}}), std::nullopt) << status;
  }
}

TEST(AskedWaitTest, ALimitThatCannotBeReadIsNone) {
  for (const char* limit :
       {"", "r=0", "t=172", R"("x";r=0)", R"("x";t=172)", R"("x";r=;t=172)", R"("x";r=0;t=)",
        R"("x";r=0;t=-172)", R"("x";r=zero;t=172)", R"("x";r=0;t=1.5)", R"("x";xr=0;xt=172)"}) {
    EXPECT_EQ(asked(429, {{"ratelimit", limit}}), std::nullopt) << limit;
  }
}

TEST(AskedWaitTest, RetryAfterInSeconds) {
  EXPECT_EQ(asked(429, {}), std::nullopt);
  EXPECT_EQ(asked(429, {{"retry-after", "0"}}), seconds(1));
  EXPECT_EQ(asked(429, {{"retry-after", "30"}}), seconds(31));
  EXPECT_EQ(asked(503, {{"retry-after", "30"}}), seconds(31));
  for (const long status : {200L, 302L, 408L, 500L, 502L, 504L}) {
    EXPECT_EQ(asked(status, {{"retry-after", "30"}}), std::nullopt) << status;
  }
}

TEST(AskedWaitTest, RetryAfterAsADate) {
  EXPECT_EQ(asked(429, {{"retry-after", "Tue, 14 Nov 2023 22:14:20 GMT"}}), seconds(61));
  EXPECT_EQ(asked(503, {{"retry-after", "Tuesday, 14-Nov-23 22:14:20 GMT"}}), seconds(61));
  EXPECT_EQ(asked(429, {{"retry-after", "Tue, 14 Nov 2023 22:12:20 GMT"}}), seconds(1));
}

TEST(AskedWaitTest, RetryAfterThatIsNeitherIsNone) {
  for (const char* text : {"", "soon", "-1", "1.5", "30s", "0x10", "1 2 3"}) {
    EXPECT_EQ(asked(429, {{"retry-after", text}}), std::nullopt) << text;
  }
}

TEST(AskedWaitTest, AHugeNumberIsALongWait) {
  for (const char* text : {"1000000001", "9223372036854775807", "99999999999999999999999999"}) {
    const auto wait = asked(429, {{"retry-after", text}});
    ASSERT_TRUE(wait) << text;
    EXPECT_GT(*wait, longest_wait) << text;
    const auto reset = asked(429, {{"ratelimit", std::string(R"("x";r=0;t=)") + text}});
    ASSERT_TRUE(reset) << text;
    EXPECT_GT(*reset, longest_wait) << text;
  }
  const auto date = asked(429, {{"retry-after", "Fri, 31 Dec 2999 23:59:59 GMT"}});
  ASSERT_TRUE(date);
  EXPECT_GT(*date, longest_wait);
}

// A window of the Hub's limit is 300 s.
TEST(AskedWaitTest, AWholeWindowIsWaitedFor) {
  EXPECT_LE(*asked(429, {{"ratelimit", R"("resolvers";r=0;t=300)"}}), longest_wait);
  EXPECT_GT(*asked(429, {{"ratelimit", R"("resolvers";r=0;t=301)"}}), longest_wait);
}

}  // namespace
}  // namespace gamma_extract
