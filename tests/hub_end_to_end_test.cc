// The main job and `inspect` by id, against the fake Hub of tests/hub.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "extraction.h"
#include "fake_hub.h"
#include "gamma_extract/safetensors.h"
#include "hub_cache.h"
#include "snapshot.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::expect_refused;
using testing::expect_success;
using testing::FakeHub;
using ::testing::HasSubstr;
using testing::Json;
using testing::lines_of;
using ::testing::Not;
using testing::Outcome;
using testing::OutputFiles;
using testing::Program;
using testing::read_file;
using testing::write_file;

constexpr std::uint64_t rows = 2048;
constexpr std::uint64_t columns = 1024;
constexpr std::uint64_t matrix_bytes = rows * columns * 4;
constexpr std::uint64_t allowed_more = matrix_bytes / 100 + 256UL * 1024;
constexpr std::uint64_t piece_bytes = 1U << 20U;  ///< of what is fetched and kept at once
constexpr const char* first_shard = "model-00001-of-00003.safetensors";
constexpr const char* canary = "hf_canaryDoNotTellAnybody0123456789";

std::string tensor_file(const std::string& name, std::uint64_t height, std::uint64_t width) {
  std::mt19937 random(static_cast<std::uint32_t>(height));
  const std::vector<std::uint64_t> shape{height, width};
  std::string file = safetensors::make_header(name, safetensors::Dtype::F32, shape, {});
  for (std::uint64_t i = 0; i < height * width; ++i) {
    const float value = static_cast<float>(random()) * 0x1p-32F - 0.25F;
    file.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return file;
}

/// Tied, in three shards, the matrix in the first: the layout of Qwen3-4B.
void write_model(const fs::path& directory) {
  write_file(directory / "config.json",
             R"({"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"],)"
             R"( "tie_word_embeddings": true, "vocab_size": 2048, "hidden_size": 1024})");
  Json map;
  const auto add = [&](const std::string& shard, const std::string& tensor, std::uint64_t height,
                       std::uint64_t width) {
    write_file(directory / shard, tensor_file(tensor, height, width));
    map[tensor] = shard;
  };
  add(first_shard, "model.embed_tokens.weight", rows, columns);
  add("model-00002-of-00003.safetensors", "model.layers.0.mlp.up_proj.weight", 64, 64);
  add("model-00003-of-00003.safetensors", "model.norm.weight", 1, 64);
  write_file(directory / "model.safetensors.index.json", Json{{"weight_map", map}}.dump());
}

class HubEndToEndTest : public ::testing::Test {
 protected:
  [[nodiscard]] fs::path operator/(const fs::path& name) const { return directory_ / name; }
  /// The checkpoint as the Hub has it.
  [[nodiscard]] fs::path model() const { return directory_ / "tree/Org/Model/main"; }
  [[nodiscard]] fs::path cache() const { return directory_ / "cache"; }
  [[nodiscard]] fs::path hub_cache() const { return directory_ / "hf/hub"; }
  [[nodiscard]] fs::path out() const { return directory_ / "out"; }
  FakeHub& hub() { return hub_; }
  void set_environment(const std::string& name, const std::string& value) {
    environment_[name] = value;
  }

  /// What a run has in its environment: nothing else.
  [[nodiscard]] std::function<void()> in_child() const {
    return [this] {
      ::clearenv();
      ::setenv("HF_ENDPOINT", hub_.address().c_str(), 1);
      ::setenv("HF_HOME", (*this / "hf").c_str(), 1);
      ::setenv("GAMMA_EXTRACT_CACHE", cache().c_str(), 1);
      // Whoever runs the tests may be slow, and no test here is about that.
      ::setenv("HF_HUB_ETAG_TIMEOUT", "600", 1);
      ::setenv("HF_HUB_DOWNLOAD_TIMEOUT", "600", 1);
      for (const auto& [name, value] : environment_) ::setenv(name.c_str(), value.c_str(), 1);
    };
  }
  [[nodiscard]] std::vector<std::string> arguments(
      const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"--model", "Org/Model", "--out", out(), "--name", "x", "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  [[nodiscard]] Outcome run(const std::vector<std::string>& more = {}) const {
    return testing::run_program(arguments(more), in_child());
  }
  [[nodiscard]] Program start(const std::vector<std::string>& more = {}) const {
    return {testing::program_path, arguments(more), in_child()};
  }

  /// The data of the three files is that of a run on the directory.
  void expect_right_files() const {
    const fs::path expected = *this / "expected";
    if (!fs::exists(expected)) {
      expect_success(
          testing::run_program({"--model", model(), "--out", expected, "--name", "x", "--quiet"}));
    }
    const std::vector<fs::path> files = OutputFiles(out(), "x").all();
    for (std::size_t i = 0; i < files.size(); ++i) {
      EXPECT_TRUE(testing::read_saved(files[i]).data ==
                  testing::read_saved(OutputFiles(expected, "x").all()[i]).data)
          << files[i];
    }
  }
  void expect_nothing_written() const { EXPECT_FALSE(fs::exists(out())); }

  std::uint64_t bytes_sent() { return hub_.log().at("bytes").get<std::uint64_t>(); }
  /// `METHOD ORIGIN STATUS` of each request since the last call.
  std::vector<std::string> requests() {
    std::vector<std::string> list;
    const FakeHub::Json log = hub_.log();
    clear_log();
    for (const auto& each : log.at("requests")) {
      list.push_back(each.at("method").get<std::string>() + " " +
                     each.at("origin").get<std::string>() + " " +
                     (each.at("status").is_null() ? "-" : each.at("status").dump()));
    }
    return list;
  }
  void clear_log() { hub_.control({{"clear_log", true}}); }
  /// The file that holds the pieces of the matrix, or nothing.
  [[nodiscard]] fs::path kept_matrix() const {
    if (!fs::exists(cache())) return {};
    for (const auto& entry : fs::recursive_directory_iterator(cache())) {
      if (entry.path().extension() == ".data") return entry.path();
    }
    return {};
  }
  /// How many pieces of it are there.
  [[nodiscard]] std::size_t kept_pieces() const {
    const fs::path map = kept_matrix().replace_extension("pieces");
    if (!fs::exists(map)) return 0;
    const std::string text = read_file(map);
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n'));
    return lines == 0 ? 0 : lines - 1;  // the first says of which file
  }
  /// A run that gets the signal once so many pieces are there. It cannot end before: each
  /// connection gets a piece and a half, and then nothing for longer than any test lasts.
  Outcome interrupted_run(int signal, std::size_t pieces) {
    hub_.set_faults({{{"fault", "stall"}, {"after", piece_bytes * 3 / 2}, {"kind", "blob"}}});
    Program program = start();
    const auto too_late = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (kept_pieces() < pieces && std::chrono::steady_clock::now() < too_late) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_GE(kept_pieces(), pieces);
    program.kill(signal);
    Outcome outcome = program.wait();
    hub_.set_faults(Json::array());
    return outcome;
  }

 private:
  [[nodiscard]] fs::path tree_with_model() const {
    write_model(model());
    return directory_ / "tree";
  }

  testing::TemporaryDirectory directory_;
  std::map<std::string, std::string> environment_;
  FakeHub hub_{tree_with_model()};
};

TEST_F(HubEndToEndTest, OnlyTheMatrixIsFetched) {
  expect_success(run());
  expect_right_files();
  const std::uint64_t sent = bytes_sent();
  EXPECT_GE(sent, matrix_bytes);
  EXPECT_LE(sent, matrix_bytes + allowed_more);
  const Json metadata =
      testing::read_saved(OutputFiles(out(), "x").gamma).header.at("__metadata__");
  EXPECT_EQ(metadata.at("model"), "Org/Model");
  EXPECT_EQ(metadata.at("revision").get<std::string>().size(), 40U);
  EXPECT_FALSE(fs::exists(hub_cache()));
}

TEST_F(HubEndToEndTest, TheReportIsThatOfTheDirectory) {
  const auto report = [this](const std::string& name) {
    Json json = Json::parse(testing::run_program({"--model", name, "--json"}, in_child()).out);
    for (const char* key : {"model", "revision", "seconds"}) json.erase(key);
    return json;
  };
  EXPECT_EQ(report("Org/Model"), report(model().string()));
}

TEST_F(HubEndToEndTest, ASecondRunAsksForTheCommitAlone) {
  expect_success(run());
  clear_log();
  expect_success(run());
  EXPECT_THAT(requests(), ElementsAre("HEAD hub 307"));
  expect_right_files();
}

TEST_F(HubEndToEndTest, WhatWasFetchedNeedsNoNetwork) {
  expect_success(run());
  clear_log();
  expect_success(run({"--offline"}));
  EXPECT_THAT(requests(), ElementsAre());
  hub().control({{"stop", {"hub", "cdn"}}});
  const Outcome outcome = run();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(lines_of(outcome, "warning"),
              ElementsAre(::testing::AllOf(HasSubstr("cannot reach 127.0.0.1"),
                                           HasSubstr("the commit that the cache knows for main"))));
  expect_right_files();
}

TEST_F(HubEndToEndTest, OfflineWithoutACache) {
  expect_refused(run({"--offline"}), 3, {"Org/Model", "offline"});
  expect_nothing_written();
  EXPECT_THAT(requests(), ElementsAre());
}

TEST_F(HubEndToEndTest, OfflineWithHalfOfIt) {
  interrupted_run(SIGKILL, 1);
  expect_refused(run({"--offline"}), 3, {first_shard, "offline", cache().string()});
}

TEST_F(HubEndToEndTest, WithoutCacheTheMatrixIsNotKept) {
  expect_success(run({"--no-cache"}));
  EXPECT_EQ(kept_matrix(), "");
  EXPECT_EQ(testing::count_entries(out()), 3U);
  expect_right_files();
  clear_log();
  expect_success(run({"--no-cache"}));
  EXPECT_GE(bytes_sent(), matrix_bytes);
}

TEST_F(HubEndToEndTest, WithoutOutputTheMatrixLiesInTheTemporaryDirectory) {
  fs::create_directories(*this / "tmp");
  set_environment("TMPDIR", *this / "tmp");
  expect_success(
      testing::run_program({"--model", "Org/Model", "--no-cache", "--json"}, in_child()));
  EXPECT_EQ(testing::count_entries(*this / "tmp"), 0U);
}

TEST_F(HubEndToEndTest, WhatHuggingFacesCacheHasIsNotFetched) {
  const std::string commit =
      Json::parse(testing::run_program({"inspect", "Org/Model", "--json"}, in_child()).out)
          .at("revision");
  fs::remove_all(cache());
  const testing::CachedModel cached(hub_cache(), "models--Org--Model");
  for (const std::string name : {"config.json", "model.safetensors.index.json"}) {
    cached.add_file(commit, name, read_file(model() / name));
  }
  const auto before = testing::snapshot(hub_cache());
  clear_log();
  expect_success(run());
  expect_right_files();
  EXPECT_EQ(testing::snapshot(hub_cache()), before);
  const FakeHub::Json log = hub().log();
  for (const auto& each : log.at("requests")) {
    if (each.at("method") == "GET") {
      EXPECT_EQ(each.at("file"), first_shard);
    }
  }

  // With all of it there, nothing is asked but the commit; by the commit, nothing at all.
  cached.add_file(commit, first_shard, read_file(model() / first_shard));
  fs::remove_all(cache());
  clear_log();
  expect_success(run());
  EXPECT_THAT(requests(), ElementsAre("HEAD hub 307"));
  expect_success(run({"--revision", commit}));
  EXPECT_THAT(requests(), ElementsAre());
}

TEST_F(HubEndToEndTest, TheLaterOfTwoWordsOnARevisionCounts) {
  expect_success(run());
  const testing::CachedModel cached(hub_cache(), "models--Org--Model");
  cached.add_reference("main", testing::first_commit);
  const fs::path ref = cached.path() / "refs/main";
  const auto now = fs::file_time_type::clock::now();
  fs::last_write_time(ref, now - std::chrono::hours(1));
  expect_success(run({"--offline"}));
  fs::last_write_time(ref, now + std::chrono::hours(1));
  expect_refused(run({"--offline"}), 3, {testing::first_commit});
}

TEST_F(HubEndToEndTest, ARunThatIsKilledIsTakenUp) {
  set_environment("GAMMA_EXTRACT_CONNECTIONS", "1");
  constexpr unsigned kills = 3;
  for (unsigned i = 1; i <= kills; ++i) {
    interrupted_run(SIGKILL, i);
    expect_nothing_written();
  }
  expect_success(run());
  expect_right_files();
  // A connection loses no more than the piece that it was at.
  EXPECT_LE(bytes_sent(), matrix_bytes + allowed_more + kills * piece_bytes);
  clear_log();
  expect_success(run());
  EXPECT_THAT(requests(), ElementsAre("HEAD hub 307"));
}

TEST_F(HubEndToEndTest, TwoAtOnceFetchItOnce) {
  hub().set_faults({{{"fault", "throttle"}, {"bytes_per_second", 4'000'000}, {"kind", "blob"}}});
  Program first = start();
  Program second(testing::program_path, {"--model", "Org/Model", "--json"}, in_child());
  expect_success(first.wait());
  EXPECT_EQ(second.wait().exit_code, 0);
  expect_right_files();
  EXPECT_LE(bytes_sent(), matrix_bytes + 2 * allowed_more);
}

TEST_F(HubEndToEndTest, ADamagedPieceIsFetchedAgain) {
  expect_success(run());
  {
    std::fstream file(kept_matrix(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((3 << 20) + 17);
    file.put('!');
  }
  clear_log();
  expect_success(run());
  expect_right_files();
  const std::uint64_t sent = bytes_sent();
  EXPECT_GE(sent, piece_bytes);
  EXPECT_LE(sent, piece_bytes + 8192);
}

TEST_F(HubEndToEndTest, ACacheThatCannotBeWrittenIsDoneWithout) {
  write_file(cache(), "no directory");
  const Outcome outcome = run();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(lines_of(outcome, "warning"), ElementsAre(HasSubstr(cache().string())));
  expect_right_files();
}

TEST_F(HubEndToEndTest, ASignalEndsItAndKeepsWhatIsThere) {
  const Outcome outcome = interrupted_run(SIGINT, 1);
  EXPECT_EQ(outcome.signal, SIGINT);
  EXPECT_EQ(outcome.err, "");
  expect_nothing_written();
  clear_log();
  expect_success(run());
  expect_right_files();
  EXPECT_LT(bytes_sent(), matrix_bytes);
}

TEST_F(HubEndToEndTest, AConnectionThatBreaksIsTakenUp) {
  hub().set_faults({{{"fault", "reset"}, {"after", 700'000}, {"kind", "blob"}, {"times", 3}}});
  expect_success(run());
  expect_right_files();
  EXPECT_LE(bytes_sent(), matrix_bytes + allowed_more);
}

TEST_F(HubEndToEndTest, ARangeThatIsNotHonouredIsNotRead) {
  hub().set_faults({{{"fault", "range_ignored"}}});
  expect_refused(run(), 5, {first_shard, "does not give ranges"});
  expect_nothing_written();
  EXPECT_LT(bytes_sent(), matrix_bytes);
}

TEST_F(HubEndToEndTest, AnotherFileAtTheSameCommitIsNotMixed) {
  interrupted_run(SIGKILL, 1);
  hub().set_faults({{{"fault", "etag_changes"}}});
  expect_refused(run(), 5, {first_shard, "now it is", "run again"});
  expect_nothing_written();
  expect_success(run());
  expect_right_files();
}

TEST_F(HubEndToEndTest, WhatTheHubSaysOfAModel) {
  hub().control({{"repositories", {{"Org/Model", {{"gated", true}}}}}});
  expect_refused(run(), 3, {"Org/Model", "gated", hub().address() + "/Org/Model", "HF_TOKEN"});
  hub().control({{"repositories", {{"Org/Model", {{"gated", false}, {"disabled", true}}}}}});
  expect_refused(run(), 3, {"Org/Model", "disabled"});
  hub().control({{"repositories", {{"Org/Model", {{"disabled", false}}}}}});
  expect_refused(run({"--revision", "v9"}), 3, {"Org/Model", "no revision v9", "--revision"});
  expect_refused(testing::run_program({"--model", "Org/None", "--json"}, in_child()), 3,
                 {"Org/None", "no such file or directory here", "no such model", "HF_TOKEN"});
  expect_nothing_written();
}

TEST_F(HubEndToEndTest, AConfigThatCannotBeHadIsNotDoneWithout) {
  hub().set_faults(
      {{{"fault", "status"}, {"status", 418}, {"file", "config.json"}, {"kind", "cache"}}});
  expect_refused(run({"--tensor", "model.embed_tokens.weight"}), 5,
                 {"Org/Model/config.json", "418"});
}

TEST_F(HubEndToEndTest, AConfigThatIsTooLargeIsTheModelsFault) {
  hub().set_faults({{{"fault", "huge_file"}, {"file", "config.json"}}});
  expect_refused(run(), 3, {"Org/Model/config.json", "64000000"});
}

TEST_F(HubEndToEndTest, AModelOfPickles) {
  write_file(*this / "tree/Org/Pickles/main/config.json", "{}");
  write_file(*this / "tree/Org/Pickles/main/pytorch_model.bin", "pickle");
  expect_refused(testing::run_program({"--model", "Org/Pickles", "--json"}, in_child()), 3,
                 {"Org/Pickles", "pytorch_model.bin", "save_pretrained"});
}

TEST_F(HubEndToEndTest, NobodyListens) {
  set_environment("HF_ENDPOINT", hub().address("refused"));
  expect_refused(run(), 5,
                 {"Org/Model: no such file or directory here, and cannot reach 127.0.0.1",
                  "6 times", "--offline"});
  expect_nothing_written();
}

TEST_F(HubEndToEndTest, WhoDoesNotAnswerMayHaveBeenAskedForAPath) {
  hub().set_faults({{{"fault", "rate_limited"}, {"seconds", 301}}});
  expect_refused(run(), 5,
                 {"Org/Model: no such file or directory here, and 127.0.0.1 answers 429"});
}

TEST_F(HubEndToEndTest, AnEndpointOrANumberThatIsNone) {
  set_environment("HF_ENDPOINT", "huggingface");
  expect_refused(run(), 2, {"HF_ENDPOINT=huggingface: "});
  set_environment("HF_ENDPOINT", hub().address());
  set_environment("GAMMA_EXTRACT_CONNECTIONS", "many");
  expect_refused(run(), 2, {"GAMMA_EXTRACT_CONNECTIONS=many"});
}

TEST_F(HubEndToEndTest, InspectReadsHeadersAlone) {
  const auto inspect = [this](const std::string& name) {
    const Outcome outcome = testing::run_program({"inspect", name, "--json"}, in_child());
    expect_success(outcome);
    Json json = Json::parse(outcome.out);
    for (const char* key : {"model", "revision"}) json.erase(key);
    return json;
  };
  EXPECT_EQ(inspect("Org/Model"), inspect(model().string()));
  EXPECT_LT(bytes_sent(), 400U * 1024);
  EXPECT_EQ(kept_matrix(), "");
}

TEST_F(HubEndToEndTest, InspectEndsWhereTheNetworkDoes) {
  hub().set_faults({{{"fault", "range_ignored"}, {"file", "model-00002*"}}});
  expect_refused(testing::run_program({"inspect", "Org/Model"}, in_child()), 5,
                 {"model-00002-of-00003.safetensors", "does not give ranges"});
}

// What must not be told.

class HubTokenEndToEndTest : public HubEndToEndTest {
 protected:
  HubTokenEndToEndTest() {
    set_environment("HF_TOKEN", canary);
    hub().control({{"tokens", {{canary, {"Org/Model"}}}},
                   {"repositories", {{"Org/Model", {{"gated", true}}}}}});
  }

  static void expect_untold(const Outcome& outcome) {
    EXPECT_THAT(outcome.out, Not(HasSubstr(canary)));
    EXPECT_THAT(outcome.err, Not(HasSubstr(canary)));
  }
  void expect_in_no_file() const {
    for (const auto& entry : fs::recursive_directory_iterator(*this / "")) {
      if (entry.is_regular_file()) {
        EXPECT_EQ(read_file(entry.path()).find(canary), std::string::npos) << entry.path();
      }
    }
  }
  /// Which origins were given the token.
  std::set<std::string> told() {
    std::set<std::string> origins;
    const FakeHub::Json log = hub().log();
    for (const auto& each : log.at("requests")) {
      if (each.dump().find(canary) != std::string::npos) origins.insert(each.at("origin"));
    }
    return origins;
  }
};

TEST_F(HubTokenEndToEndTest, GoesToTheHubAlone) {
  const Outcome outcome = run({"--json"});
  expect_success(outcome);
  expect_right_files();
  expect_untold(outcome);
  expect_in_no_file();
  EXPECT_THAT(told(), ElementsAre("hub"));
}

TEST_F(HubTokenEndToEndTest, GoesNoFurtherWhereTheHubRedirects) {
  for (const char* fault : {"redirect_elsewhere", "redirect_308", "cdn_redirects"}) {
    hub().set_faults({{{"fault", fault}}});
    const Outcome outcome = run();
    expect_untold(outcome);
    expect_in_no_file();
    for (const std::string& origin : told()) EXPECT_EQ(origin, "hub") << fault;
  }
}

TEST_F(HubTokenEndToEndTest, IsNotRepeatedWhereTheServerDoes) {
  const std::string words = "you are " + std::string(canary);
  hub().set_faults(
      {{{"fault", "status"}, {"status", 403}, {"code", "GatedRepo"}, {"message", words}}});
  const Outcome outcome = run();
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("you are ***"));
  expect_untold(outcome);
}

TEST_F(HubTokenEndToEndTest, StandsInNoProcessListAndLeavesNoCore) {
  hub().set_faults({{{"fault", "stall"}, {"kind", "blob"}}});
  const fs::path directory = *this / "cores";
  fs::create_directories(directory);
  const auto set_up = in_child();
  const auto with_cores = [&] {
    set_up();
    const rlimit all{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    if (::setrlimit(RLIMIT_CORE, &all) != 0 || ::chdir(directory.c_str()) != 0) ::_exit(126);
  };
  Program program(testing::program_path, arguments(), with_cores);
  while (told().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const std::string process = "/proc/" + std::to_string(program.process());
  EXPECT_THAT(read_file(process + "/cmdline"), Not(HasSubstr(canary)));
  program.kill(SIGABRT);
  const Outcome outcome = program.wait();
  EXPECT_EQ(outcome.signal, SIGABRT);
  EXPECT_FALSE(outcome.core_dumped);
  EXPECT_EQ(testing::count_entries(directory), 0U);
}

}  // namespace
}  // namespace gamma_extract
