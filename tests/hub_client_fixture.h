#ifndef GAMMA_EXTRACT_TESTS_HUB_CLIENT_FIXTURE_H_
#define GAMMA_EXTRACT_TESTS_HUB_CLIENT_FIXTURE_H_

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "clock.h"
#include "fake_hub.h"
#include "gamma_extract/error.h"
#include "gamma_extract/hash.h"
#include "hub_cache.h"
#include "hub_client.h"
#include "manual_clock.h"
#include "temporary_directory.h"
#include "watcher.h"

namespace gamma_extract::testing {

/// What a call came to.
struct Result {
  std::optional<Fault> fault{};
  std::string text{};  ///< the error's
};

/// Clients of a fake Hub that never really wait, but write down for how long they would. For them
/// time passes then, and only then.
///
/// The repository Org/Name has at `first_commit`, which the branch main and the tag v1 are, small
/// files and a large one of random bytes; the branch feature/a is `second_commit`.
class HubClientFixture : public ::testing::Test {
 protected:
  using Json = nlohmann::json;
  using Names = std::vector<std::string>;
  using Seconds = std::vector<long>;

  static constexpr const char* repo = "Org/Name";
  static constexpr const char* shard = "model.safetensors";
  static constexpr const char* config = R"({"model_type": "qwen3"})";
  static constexpr std::uint64_t shard_size = 300'000;
  /// Of silence, where there is nothing else; and where an answer comes that must be in time.
  static constexpr auto short_time = std::chrono::milliseconds(200);
  static constexpr auto ample_time = std::chrono::seconds(3);

  HubClientFixture() { add_repository(root.path(), bytes); }
  /// A client with a token leaves the process as what no debugger, and no check for leaks, may
  /// look into.
  ~HubClientFixture() override { ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }

  [[nodiscard]] HubSettings settings(std::optional<std::string> token = {}) const {
    HubSettings settings{.endpoint = hub.address(), .token = std::move(token)};
    // Whoever runs the tests may be slow: short is only what shall end.
    settings.question_timeout = settings.download_timeout = std::chrono::seconds(30);
    return settings;
  }
  std::unique_ptr<HubClient> client_with(HubSettings settings) {
    return std::make_unique<HubClient>(std::move(settings), repo, watcher.observer(), clock());
  }
  std::unique_ptr<HubClient> client(std::optional<std::string> token = {}) {
    return client_with(settings(std::move(token)));
  }

  Clock clock() {
    return time.clock_that_waits([this](std::chrono::milliseconds wait, const auto& check) {
      check();
      time.pass(wait);
      const std::lock_guard lock(mutex_);
      waits_.push_back(wait);
      notes_.push_back(watcher.progress.note.text());
    });
  }
  /// The waits so far, all of whole seconds.
  Seconds waits() {
    const std::lock_guard lock(mutex_);
    Seconds seconds;
    for (const auto wait : waits_) {
      EXPECT_EQ(wait % std::chrono::seconds(1), std::chrono::milliseconds(0));
      seconds.push_back(std::chrono::duration_cast<std::chrono::seconds>(wait).count());
    }
    return seconds;
  }
  /// The words shown during each wait.
  Names notes() {
    const std::lock_guard lock(mutex_);
    return notes_;
  }
  void forget() {
    hub.control({{"faults", Json::array()}, {"clear_log", true}});
    const std::lock_guard lock(mutex_);
    waits_.clear();
    notes_.clear();
  }

  Json requests() { return hub.log().at("requests"); }
  /// What was asked, as "GET blob cdn".
  Names asked() {
    Names asked;
    for (const Json& request : requests()) {
      asked.push_back(request.at("method").get<std::string>() + " " +
                      request.at("kind").get<std::string>() + " " +
                      request.at("origin").get<std::string>());
    }
    return asked;
  }
  Names ranges() {
    Names ranges;
    for (const Json& request : requests()) {
      if (request.at("range").is_string()) ranges.push_back(request.at("range"));
    }
    return ranges;
  }
  std::size_t count(const std::string& what) {
    const Names all = asked();
    return static_cast<std::size_t>(std::ranges::count(all, what));
  }

  template <class Work>
  static Result result_of(const Work& work) {
    try {
      work();
    } catch (const Error& error) {
      return {.fault = error.fault(), .text = error.what()};
    }
    return {};
  }

  [[nodiscard]] HubFile file() const { return {.name = shard, .etag = etag, .size = shard_size}; }
  /// Reads a range of the large file. Whatever comes of it, the bytes handed out are the file's.
  Result read(const HubClient& client, std::uint64_t begin = 0, std::uint64_t end = shard_size) {
    received.clear();
    const StopFlag cancelled;
    const Result result = result_of([&] {
      client.read_range(
          first_commit, file(), begin, end,
          [&](std::uint64_t offset, std::span<const std::byte> bytes) {
            EXPECT_EQ(offset, begin + received.size());
            received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          },
          cancelled);
    });
    EXPECT_LE(received.size(), end - begin);
    EXPECT_EQ(received, bytes.substr(begin, received.size()));
    if (!result.fault) {
      EXPECT_EQ(received.size(), end - begin);
    }
    return result;
  }

  static std::string random_bytes() {
    std::string bytes(shard_size, '\0');
    std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same in each run
    for (char& byte : bytes) byte = static_cast<char>(random());
    return bytes;
  }
  /// Org/Name as the class says.
  static void add_repository(const std::filesystem::path& root, const std::string& bytes) {
    const auto at = root / repo;
    write_file(at / first_commit / "config.json", config);
    write_file(at / first_commit / "a b" / "\xc3\xa9?#.json", "{}");
    write_file(at / first_commit / shard, bytes);
    write_file(at / second_commit / "config.json", "{}");
    for (const char* name : {"main", "v1"}) {
      std::filesystem::create_directory_symlink(first_commit, at / name);
    }
    std::filesystem::create_directory_symlink(second_commit, at / "feature%2Fa");
  }

  const std::string bytes = random_bytes();
  const std::string etag = sha256_hex(std::as_bytes(std::span(bytes)));
  const TemporaryDirectory root;
  FakeHub hub{root.path()};
  Watcher watcher;
  ManualClock time;
  std::string received;  ///< by the last `read`

 private:
  std::mutex mutex_;
  std::vector<std::chrono::milliseconds> waits_;
  Names notes_;
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TESTS_HUB_CLIENT_FIXTURE_H_
