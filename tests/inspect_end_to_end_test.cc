#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "extraction.h"
#include "safetensors_file.h"
#include "terminal.h"

// `gamma-extract inspect`, the real program: what it prints, and its exit codes.

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::checkpoint;
using testing::expect_refused;
using testing::expect_success;
using ::testing::HasSubstr;
using testing::Json;
using testing::Outcome;
using testing::run_program;
using ::testing::StartsWith;
using testing::TemporaryDirectory;
using testing::write_file;

const fs::path example = fs::path(PROJECT_DIR) / "examples/qwen3-tiny";

Json json_of(const Outcome& outcome) {
  return Json::parse(outcome.out);
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& item : object.items()) keys.push_back(item.key());
  return keys;
}

// ---- A model ----------------------------------------------------------------------------------

/// The entries of a shard as JSON has them, from its header alone.
std::vector<std::string> entries_of(const fs::path& shard) {
  std::vector<std::string> entries;
  const Json header = testing::read_saved(shard).header;
  for (const auto& [name, fields] : header.items()) {
    if (name == "__metadata__") continue;
    const auto& offsets = fields.at("data_offsets");
    const Json entry{{"name", name},
                     {"shard", shard.filename().string()},
                     {"dtype", fields.at("dtype")},
                     {"shape", fields.at("shape")},
                     {"bytes", offsets[1].get<std::size_t>() - offsets[0].get<std::size_t>()}};
    entries.push_back(entry.dump());
  }
  return entries;
}

TEST(InspectEndToEndTest, JsonTellsTheChoiceAndEveryTensor) {
  const Outcome outcome = run_program({"inspect", example.string(), "--json"});
  expect_success(outcome);
  const Json json = json_of(outcome);
  EXPECT_EQ(keys_of(json),
            (std::vector<std::string>{"schema", "model", "revision", "choice", "candidates",
                                      "problem", "tensors", "warnings"}));
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["model"], "qwen3-tiny");
  EXPECT_TRUE(json["revision"].is_null());
  EXPECT_EQ(json["choice"].dump(),
            R"({"tensor":"model.embed_tokens.weight","shard":"model-00001-of-00003.safetensors",)"
            R"("dtype":"BF16","shape":[1500,64],"tied":true,"reason":"the config ties it to the )"
            R"(input embedding, and there is no lm_head.weight"})");
  EXPECT_EQ(json["candidates"].dump(), R"(["model.embed_tokens.weight"])");
  EXPECT_TRUE(json["problem"].is_null());
  EXPECT_EQ(json["warnings"], Json::array());

  std::vector<std::string> expected;
  for (const auto& file : fs::directory_iterator(example)) {
    if (file.path().extension() != ".safetensors") continue;
    std::ranges::copy(entries_of(file.path()), std::back_inserter(expected));
  }
  std::vector<std::string> actual;
  for (const Json& tensor : json["tensors"]) actual.push_back(tensor.dump());
  EXPECT_GT(actual.size(), 10U);
  EXPECT_THAT(actual, ::testing::UnorderedElementsAreArray(expected));
}

TEST(InspectEndToEndTest, APersonGetsTheChoiceFirst) {
  const Outcome outcome = run_program({"inspect", checkpoint("llama-untied-f32").string()});
  expect_success(outcome);
  EXPECT_THAT(outcome.out, StartsWith("model           llama-untied-f32\n"
                                      "tensor          lm_head.weight\n"
                                      "reason          lm_head.weight is there\n"
                                      "shard           model.safetensors\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\n\nmodel.safetensors  "));
  EXPECT_THAT(outcome.out, HasSubstr("\n  model.embed_tokens.weight  "));
}

TEST(InspectEndToEndTest, HeadAndEmbeddingThatTheConfigTiesAreNotCompared) {
  const Outcome outcome = run_program({"inspect", checkpoint("both-different-tied").string()});
  expect_success(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("not compared"));
}

TEST(InspectEndToEndTest, WarningsGoToStandardErrorToo) {
  const Outcome outcome =
      run_program({"inspect", checkpoint("padding-rows-untied").string(), "--json"});
  EXPECT_EQ(outcome.exit_code, 0);
  const Json warnings = json_of(outcome)["warnings"];
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(outcome.err,
            fmt::format("gamma-extract: warning: {}\n", warnings[0].get<std::string>()));
}

/// A model of whose tensors none can be chosen.
class InspectProblemEndToEndTest : public ::testing::Test {
 protected:
  InspectProblemEndToEndTest() {
    testing::copy_checkpoint(checkpoint("llama-tied-bf16-sharded"), model());
    write_file(model() / "config.json", R"({"model_type":"no-such-type"})");
  }
  [[nodiscard]] fs::path model() const { return directory_ / "model"; }
  [[nodiscard]] fs::path shard() const {
    const Json index = Json::parse(testing::read_file(model() / "model.safetensors.index.json"));
    return model() / index.at("weight_map").at("model.embed_tokens.weight").get<std::string>();
  }
  [[nodiscard]] Outcome run(std::vector<std::string> options = {}) const {
    options.insert(options.begin(), {"inspect", model().string()});
    return run_program(options);
  }

 private:
  TemporaryDirectory directory_;
};

TEST_F(InspectProblemEndToEndTest, TheTensorsAreListedAllTheSame) {
  const Outcome outcome = run({"--json"});
  EXPECT_EQ(outcome.exit_code, 3);
  const Json json = json_of(outcome);
  EXPECT_TRUE(json["choice"].is_null());
  EXPECT_THAT(json["problem"].get<std::string>(), HasSubstr("no-such-type"));
  EXPECT_EQ(json["candidates"].dump(), R"(["model.embed_tokens.weight"])");
  EXPECT_GT(json["tensors"].size(), 5U);
  EXPECT_EQ(outcome.err,
            fmt::format("gamma-extract: error: {}\n", json["problem"].get<std::string>()));
}

TEST_F(InspectProblemEndToEndTest, APersonGetsThemToo) {
  const Outcome outcome = run();
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.out, HasSubstr("\nproblem         "));
  EXPECT_THAT(outcome.out, HasSubstr("\ncandidates      model.embed_tokens.weight\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\n  model.norm.weight "));
  EXPECT_EQ(testing::lines_of(outcome, "error").size(), 1U);
}

TEST_F(InspectProblemEndToEndTest, TensorTakesWhatItNames) {
  const Outcome outcome = run({"--json", "--tensor", "model.embed_tokens.weight"});
  expect_success(outcome);
  EXPECT_EQ(json_of(outcome)["choice"]["reason"], "named by --tensor");
}

TEST_F(InspectProblemEndToEndTest, AMissingShardIsToldAndTheRestListed) {
  const std::string name = shard().filename().string();
  fs::remove(shard());
  const Outcome with_choice = run({"--json", "--tensor", "model.embed_tokens.weight"});
  EXPECT_EQ(with_choice.exit_code, 3);
  EXPECT_THAT(with_choice.err, HasSubstr(name));
  const Outcome other = run({"--json", "--tensor", "model.layers.0.mlp.down_proj.weight"});
  const Json json = json_of(other);
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_THAT(json["warnings"][0].get<std::string>(), HasSubstr(name));
  EXPECT_FALSE(json["choice"].is_null());
}

TEST_F(InspectProblemEndToEndTest, WhatCannotBeListedIsRefused) {
  fs::remove(model() / "model.safetensors.index.json");
  expect_refused(run(), 3, {"model.safetensors.index.json"});
  fs::remove_all(model());
  expect_refused(run(), 3, {model().string(), "no such file"});
  write_file(model() / "model.safetensors.index.json", R"({"weight_map":{"a":"../a"}})");
  expect_refused(run(), 3, {"../a"});
}

// ---- A file -----------------------------------------------------------------------------------

class InspectFileEndToEndTest : public ::testing::Test {
 protected:
  InspectFileEndToEndTest() { fs::permissions(directory_.path(), fs::perms(0755)); }
  [[nodiscard]] fs::path file() const { return directory_ / "x.safetensors"; }
  [[nodiscard]] Outcome run(std::vector<std::string> options = {},
                            const std::function<void()>& in_child = {}) const {
    options.insert(options.begin(), {"inspect", file().string()});
    return run_program(options, in_child);
  }
  /// A file with this header and so many bytes of data.
  void write(std::string_view header, std::size_t data = 4) const {
    std::string bytes(8, '\0');
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> 8 * i & 0xffU);
    write_file(file(), bytes.append(header).append(data, '\0'));
  }

 private:
  TemporaryDirectory directory_;
};

TEST_F(InspectFileEndToEndTest, AValidOneIsListedWithoutAChoice) {
  testing::write_safetensors(file(), {{"a", {2, 3}}, {"b", {}, "I64", 8}});
  const Outcome outcome = run({"--json"});
  expect_success(outcome);
  EXPECT_EQ(outcome.out, R"({
  "schema": 1,
  "model": "x.safetensors",
  "revision": null,
  "choice": null,
  "candidates": [],
  "problem": null,
  "tensors": [
    {"name":"a","shard":"x.safetensors","dtype":"BF16","shape":[2,3],"bytes":12},
    {"name":"b","shard":"x.safetensors","dtype":"I64","shape":[],"bytes":8}
  ],
  "warnings": []
}
)");
}

TEST_F(InspectFileEndToEndTest, ABrokenRuleIsToldByName) {
  const std::string valid = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
  struct Broken {
    std::string header;
    std::string_view rule;
  };
  const std::vector<Broken> files{
      {"\xff", "UTF-8"},
      {"{", "not JSON"},
      {"{} x", "not JSON"},
      {"[]", "an array, not an object"},
      {R"({"__metadata__":[]})", "__metadata__"},
      {R"({"__metadata__":{"a":1}})", "__metadata__"},
      {R"({"a":1})", "not an object"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", "no data_offsets"},
      {R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", "dtype \"f32\""},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "shape"},
      {R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", "shape"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "1 of two"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "end before they begin"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "needs 8"},
      {R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}})", "whole number of bytes"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", "64 bits"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "hole"},
      {fmt::format(R"({{"a":{{{}}},"b":{{{}}}}})", valid, valid), "overlap"},
      {fmt::format(R"({{"a":{{{}}},"a":{{{}}}}})", valid, valid), "stands twice"},
      {fmt::format(R"({{"a":{{{},"x":{}{}}}}})", valid, std::string(128, '['),
                   std::string(128, ']')),
       "nested deeper"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "too few"},
      {"{}", "too many"},
  };
  for (const auto& [header, rule] : files) {
    write(header);
    expect_refused(run(), 3, {"x.safetensors", rule});
    expect_refused(run({"--json"}), 3, {"x.safetensors", rule});
  }
  write_file(file(), "abc");
  expect_refused(run(), 3, {"3 bytes"});
  write_file(file(), std::string(16, '\x7f'));
  expect_refused(run(), 3, {"more than the 100000000"});
  write_file(file(), std::string("\x09\0\0\0\0\0\0\0{}", 10));
  expect_refused(run(), 3, {"incomplete download"});
  write_file(file(), "version https://git-lfs.github.com/spec/v1\n");
  expect_refused(run(), 3, {"Git LFS pointer"});
}

TEST_F(InspectFileEndToEndTest, NamesAreEscaped) {
  write(R"({"a\u001b[31m\n":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})");
  EXPECT_THAT(run().out, HasSubstr("\n  a\\x1b[31m\\n  F32  [1]  "));
}

TEST_F(InspectFileEndToEndTest, AHundredThousandTensorsAreListed) {
  std::string header = "{";
  for (int i = 0; i < 100'000; ++i) {
    header += fmt::format(R"({}"t.{}":{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}})",
                          i == 0 ? "" : ",", i, i, i + 1);
  }
  write(header + "}", 100'000);
  const Outcome outcome = run();
  expect_success(outcome);
  EXPECT_EQ(std::ranges::count(outcome.out, '\n'), 100'005);
  EXPECT_THAT(outcome.out, HasSubstr("\n  t.99999  U8  [1]"));
}

TEST_F(InspectFileEndToEndTest, AFileOfAnyNameAndStandardInputThatIsOne) {
  write("{}", 0);
  const Outcome outcome = run_program({"inspect", "/dev/stdin", "--json"}, [this] {
    const int opened = ::open(file().c_str(), O_RDONLY);
    if (opened < 0 || ::dup2(opened, STDIN_FILENO) < 0) ::_exit(126);
  });
  expect_success(outcome);
  EXPECT_EQ(json_of(outcome)["model"], "stdin");
}

TEST_F(InspectFileEndToEndTest, APipeIsRefusedAndNotWaitedFor) {
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  expect_refused(run(), 3, {"x.safetensors", "not a regular file"});
}

TEST_F(InspectFileEndToEndTest, AnUnreadableOne) {
  write("{}", 0);
  fs::permissions(file(), fs::perms::none);
  const Outcome outcome = run({}, [] {
    constexpr uid_t nobody = 65534;
    // Nothing is unreadable for root.
    if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(125);
    // Where others may not run the program itself, there is nothing to see.
    if (::access(testing::program_path, X_OK) != 0) ::_exit(124);
  });
  if (outcome.exit_code == 124) GTEST_SKIP() << "others may not run the program";
  expect_refused(outcome, 3, {"x.safetensors", "Permission denied"});
}

TEST_F(InspectFileEndToEndTest, AnIndexIsNoFileOfTensors) {
  expect_refused(run_program({"inspect", (example / "model.safetensors.index.json").string()}), 3,
                 {"give its directory"});
}

// ---- The terminal and the streams -------------------------------------------------------------

/// What the program prints on a terminal of so many columns.
std::vector<std::string> lines_on(unsigned short columns, const fs::path& model) {
  testing::Terminal terminal(columns);
  testing::Program program(testing::program_path, {"inspect", model.string()}, [&terminal] {
    ::unsetenv("COLUMNS");
    terminal.adopt();
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
  });
  terminal.let_go();
  std::string text = terminal.read_all([](const std::string&) {});
  EXPECT_EQ(program.wait().exit_code, 0);
  std::erase(text, '\r');
  std::vector<std::string> lines;
  for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos;) {
    lines.push_back(text.substr(0, end));
    text.erase(0, end + 1);
  }
  return lines;
}

TEST(InspectTerminalTest, TheTableFits) {
  const TemporaryDirectory directory;
  const fs::path file = directory / "x.safetensors";
  const std::string name = "model.layers.0.post_attention_layernorm.weight";
  testing::write_safetensors(file, {{name, {64}}, {"lm_head.weight", {15000, 64}}});
  const std::vector<std::string> wide{
      "model           x.safetensors",
      "candidates      lm_head.weight",
      "",
      "x.safetensors                                                        1.92 MB",
      "  lm_head.weight                                  BF16  [15000, 64]  1.92 MB",
      "  model.layers.0.post_attention_layernorm.weight  BF16  [64]           128 B",
      "",
      "2 tensors in 1 file                                                  1.92 MB"};
  EXPECT_EQ(lines_on(250, file), wide);
  EXPECT_EQ(lines_on(100, file), wide);
  EXPECT_EQ(
      lines_on(60, file),
      (std::vector<std::string>{"model           x.safetensors", "candidates      lm_head.weight",
                                "", "x.safetensors                                        1.92 MB",
                                "  lm_head.weight                  BF16  [15000, 64]  1.92 MB",
                                "  model.layers.0.post_attention_layernorm.weight",
                                "                                  BF16  [64]           128 B", "",
                                "2 tensors in 1 file                                  1.92 MB"}));
}

void expect_write_failure(const std::function<void()>& in_child) {
  expect_refused(run_program({"inspect", example.string()}, in_child), 4, {"standard output"});
  expect_refused(run_program({"inspect", "--help"}, in_child), 4, {"standard output"});
}

TEST(InspectStreamsEndToEndTest, StandardOutputThatCannotBeWritten) {
  expect_write_failure([] {
    const int full = ::open("/dev/full", O_WRONLY);
    if (full < 0 || ::dup2(full, STDOUT_FILENO) < 0) ::_exit(126);
  });
  expect_write_failure([] { ::close(STDOUT_FILENO); });
}

TEST(InspectStreamsEndToEndTest, AReaderThatWentAwayEndsItBySignal) {
  const Outcome outcome = run_program({"inspect", example.string()}, [] {
    ::signal(SIGPIPE, SIG_DFL);
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0 || ::dup2(ends[1], STDOUT_FILENO) < 0) ::_exit(126);
    ::close(ends[0]);
    ::close(ends[1]);
  });
  EXPECT_EQ(outcome.signal, SIGPIPE);
  EXPECT_EQ(outcome.err, "");
}

// ---- Usage ------------------------------------------------------------------------------------

TEST(InspectUsageEndToEndTest, HelpIsItsOwn) {
  for (const char* const option : {"--help", "-h"}) {
    const Outcome outcome = run_program({"inspect", option});
    expect_success(outcome);
    EXPECT_THAT(outcome.out, StartsWith("Usage: gamma-extract inspect MODEL|FILE"));
  }
  EXPECT_THAT(run_program({"--help"}).out, HasSubstr("gamma-extract inspect"));
}

TEST(InspectUsageEndToEndTest, WhatIsMissingOrTooMuchIsNamed) {
  expect_refused(run_program({"inspect"}), 2, {"MODEL"});
  expect_refused(run_program({"inspect", "a", "b"}), 2, {"b"});
  expect_refused(run_program({"inspect", "a", "--out", "b"}), 2, {"--out"});
  expect_refused(run_program({"inspect", "a", "--tensro", "b"}), 2, {"--tensro", "--tensor"});
  expect_refused(run_program({"inspct", "a"}), 2, {"inspct", "inspect"});
}

}  // namespace
}  // namespace gamma_extract
