#include <gtest/gtest.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "expected_report.h"
#include "extraction.h"
#include "safetensors_file.h"

// What stands in the three files, and how the options change it.

namespace gamma_extract {
namespace {

using testing::expect_success;
using testing::Json;
using testing::Outcome;
using testing::OutputFiles;
using testing::read_file;
using testing::read_saved;
using testing::run_program;
using testing::SavedFile;
using testing::TemporaryDirectory;

const std::string example = std::string(PROJECT_DIR) + "/examples/qwen3-tiny";

Json reference() {
  return Json::parse(read_file(example + ".reference.json"));
}

OutputFiles extract(const std::filesystem::path& out, std::vector<std::string> further) {
  std::vector<std::string> arguments{"--model", example, "--out", out.string(), "--quiet"};
  arguments.insert(arguments.end(), further.begin(), further.end());
  expect_success(run_program(arguments));
  return {out, "qwen3_tiny"};
}

/// A BF16 matrix `gamma` of this shape, its finite values drawn at random.
std::string random_matrix(std::uint64_t rows, std::uint64_t columns) {
  std::string bytes = testing::safetensors_bytes({{.name = "gamma", .shape = {rows, columns}}});
  std::mt19937 random(5);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
  for (std::size_t i = bytes.size() - 2 * rows * columns; i < bytes.size(); i += 2) {
    const auto draw = static_cast<unsigned>(random());
    bytes[i] = static_cast<char>(draw & 0xffU);
    // Exponents from 2^-32 to 2^-1, both signs.
    bytes[i + 1] = static_cast<char>((draw >> 8U & 0x8fU) | 0x30U);
  }
  return bytes;
}

TEST(FilesEndToEndTest, AreThoseOfTheReference) {
  const TemporaryDirectory directory;
  const Outcome outcome = run_program(
      {"--model", example, "--out", (directory / "new/out").string(), "--json", "--threads", "2"});
  expect_success(outcome);
  const OutputFiles files(directory / "new/out", "qwen3_tiny");
  EXPECT_EQ(testing::count_entries(directory / "new/out"), 3U);

  const Json report = Json::parse(outcome.out);
  const Json expected = reference();
  const SavedFile gamma = read_saved(files.gamma);
  const SavedFile mu = read_saved(files.mu);
  const SavedFile centered = read_saved(files.centered);
  testing::expect_report(report, expected, mu.data);
  EXPECT_EQ(Json(testing::xxh3_of(gamma.data)), expected.at("gamma").at("data_xxh3"));
  EXPECT_EQ(Json(testing::sha256_of(mu.data)), expected.at("centroid").at("sha256"));
  EXPECT_EQ(Json(testing::xxh3_of(mu.data)), expected.at("centroid").at("data_xxh3"));
  EXPECT_EQ(Json(testing::xxh3_of(centered.data)), expected.at("centered").at("data_xxh3"));

  EXPECT_EQ(report.at("gamma").at("path"), files.gamma.string());
  EXPECT_EQ(report.at("centroid").at("path"), files.mu.string());
  EXPECT_EQ(report.at("centered").at("path"), files.centered.string());
  EXPECT_EQ(report.at("bytes_written"), files.bytes().size());
}

TEST(FilesEndToEndTest, MetadataStandsInOrderAndIsTrue) {
  const TemporaryDirectory directory;
  const OutputFiles files = extract(directory / "out", {});
  const Outcome version = run_program({"--version"});
  const std::string number = version.out.substr(14, version.out.find(' ', 14) - 14);
  EXPECT_EQ(version.out.substr(0, 14), "gamma-extract ");

  const std::string mu_sha256 = testing::sha256_of(read_saved(files.mu).data);
  for (const auto& path : files.all()) {
    SCOPED_TRACE(path);
    const SavedFile file = read_saved(path);
    const Json expected = {{"format", "pt"},
                           {"model", "qwen3-tiny"},
                           {"tensor", "model.embed_tokens.weight"},
                           {"source_dtype", "BF16"},
                           {"space", path == files.centered ? "centered" : "original"},
                           {"mu_sha256", mu_sha256},
                           {"data_xxh3", testing::xxh3_of(file.data)},
                           {"version", number}};
    // As text: the order counts.
    EXPECT_EQ(file.header.at("__metadata__").dump(), expected.dump());
    EXPECT_EQ(file.header.begin().key(), "__metadata__");
    EXPECT_EQ(file.header.size(), 2U);
  }
}

TEST(FilesEndToEndTest, WithoutMetadataAreThoseOfSaveFile) {
  const TemporaryDirectory directory;
  const OutputFiles files = extract(directory / "out", {"--no-metadata"});
  // What safetensors.torch.save_file writes before the data, spaces up to a multiple of 8 included.
  EXPECT_EQ(read_saved(files.gamma).header_text,
            R"({"gamma":{"dtype":"F32","shape":[1500,64],"data_offsets":[0,384000]}}   )");
  EXPECT_EQ(read_saved(files.mu).header_text,
            R"({"mu":{"dtype":"F32","shape":[64],"data_offsets":[0,256]}}      )");
  EXPECT_EQ(read_saved(files.centered).header_text,
            R"({"gamma_centered":{"dtype":"F32","shape":[1500,64],"data_offsets":[0,384000]}}  )");
  EXPECT_EQ(Json(testing::xxh3_of(read_saved(files.gamma).data)),
            reference().at("gamma").at("data_xxh3"));
}

TEST(FilesEndToEndTest, DtypeSourceKeepsTheStoredBytesAndChangesNoOtherFile) {
  const TemporaryDirectory directory;
  const OutputFiles plain = extract(directory / "plain", {});
  const OutputFiles files = extract(directory / "source", {"--dtype", "source"});
  EXPECT_EQ(read_file(files.mu), read_file(plain.mu));
  EXPECT_EQ(read_file(files.centered), read_file(plain.centered));

  const SavedFile gamma = read_saved(files.gamma);
  const SavedFile shard = read_saved(example + "/model-00001-of-00003.safetensors");
  ASSERT_EQ(shard.header.at("model.embed_tokens.weight").at("data_offsets"), Json({0, 192000}));
  EXPECT_EQ(gamma.data, shard.data.substr(0, 192000));
  EXPECT_EQ(gamma.header.at("gamma").dump(),
            R"({"dtype":"BF16","shape":[1500,64],"data_offsets":[0,192000]})");
  EXPECT_EQ(gamma.header.at("__metadata__").at("data_xxh3"), testing::xxh3_of(gamma.data));
}

/// From runs with 1 to 8 threads.
void expect_the_same_whatever_the_threads(const std::string& matrix) {
  const TemporaryDirectory directory;
  const std::filesystem::path model = directory / "many.safetensors";
  testing::write_file(model, matrix);
  std::vector<std::string> seen;
  std::vector<Json> reports;
  for (const std::string threads : {"1", "2", "3", "4", "5", "6", "7", "8"}) {
    const std::filesystem::path out = directory / threads;
    const Outcome outcome = run_program({"--model", model.string(), "--tensor", "gamma", "--out",
                                         out.string(), "--json", "--threads", threads});
    expect_success(outcome);
    seen.push_back(OutputFiles(out, "many").bytes());
    Json report = Json::parse(outcome.out);
    EXPECT_EQ(report.at("threads").dump(), threads);
    for (const char* key : {"threads", "seconds"}) report.erase(key);
    for (const char* part : {"gamma", "centroid", "centered"}) report.at(part).erase("path");
    reports.push_back(report);
  }
  for (std::size_t i = 1; i < seen.size(); ++i) {
    EXPECT_TRUE(seen[i] == seen[0]) << i;
    EXPECT_EQ(reports[i], reports[0]) << i;  // statistics agree to the bit
  }
}

TEST(FilesEndToEndTest, AreTheSameWhateverTheThreads) {
  expect_the_same_whatever_the_threads(random_matrix(9001, 8));
}

TEST(FilesEndToEndTest, AreTheSameWhateverTheThreadsWhereRowsAreCut) {
  expect_the_same_whatever_the_threads(random_matrix(5, 70'000));
}

TEST(FilesEndToEndTest, AreNamedByNameOrByTheModelAndNotByItsLink) {
  const TemporaryDirectory directory;
  const std::filesystem::path link = directory / "Some Model--7B.v2!";
  std::filesystem::create_directory_symlink(example, link);
  expect_success(run_program(
      {"--model", link.string() + "/./", "--out", (directory / "a").string(), "--quiet"}));
  EXPECT_EQ(read_saved(OutputFiles(directory / "a", "some_model_7b_v2").gamma)
                .header.at("__metadata__")
                .at("model"),
            "Some Model--7B.v2!");

  const OutputFiles named(directory / "b", "mine_2");
  extract(directory / "b", {"--name", "mine_2"});
  EXPECT_EQ(testing::count_entries(directory / "b"), 3U);
  EXPECT_EQ(read_saved(named.gamma).header.at("__metadata__").at("model"), "qwen3-tiny");
}

TEST(FilesEndToEndTest, CarryNamesOfAnyBytes) {
  const TemporaryDirectory directory;
  const std::filesystem::path model = directory / "odd \x1b[31m\nna\xffme";
  const std::filesystem::path out = directory / "out \t\xfe";
  testing::copy_checkpoint(testing::checkpoint("llama-untied-f32"), model);
  const Outcome outcome = run_program({"--model", model.string(), "--out", out.string(), "--json"});
  expect_success(outcome);
  const OutputFiles files(out, "odd_31m_na_me");
  const std::string shown = "odd \x1b[31m\nna\xef\xbf\xbdme";  // U+FFFD for what is no UTF-8
  const Json report = Json::parse(outcome.out);
  EXPECT_EQ(report.at("model"), shown);
  EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(report.at("centroid").at("sha256"), testing::sha256_of(read_saved(files.mu).data));
  EXPECT_EQ(read_saved(files.gamma).header.at("__metadata__").at("model"), shown);

  // The model is known again by its metadata; and a person's terminal is left alone.
  const Outcome human = run_program({"--model", model.string(), "--out", out.string()});
  expect_success(human);
  EXPECT_NE(human.out.find(R"(odd \x1b[31m\nna\xffme)"), std::string::npos) << human.out;
  EXPECT_NE(human.out.find(R"(out \t\xfe/gamma_)"), std::string::npos) << human.out;
  EXPECT_EQ(human.out.find('\x1b'), std::string::npos);
}

TEST(FilesEndToEndTest, CarryATensorsNameOfAnyBytes) {
  const TemporaryDirectory directory;
  const std::filesystem::path model = directory / "odd.safetensors";
  testing::write_safetensors(model, {{.name = R"(head \u001b\n)"}});  // as JSON escapes it
  const std::string name = "head \x1b\n";
  expect_success(run_program({"--model", model.string(), "--tensor", name, "--out",
                              (directory / "out").string(), "--quiet"}));
  const SavedFile gamma = read_saved(OutputFiles(directory / "out", "odd").gamma);
  EXPECT_EQ(gamma.header.at("__metadata__").at("tensor"), name);

  const Outcome missing =
      run_program({"--model", model.string(), "--tensor", "heat \x1b\n", "--json"});
  testing::expect_refused(missing, 3, {R"(heat \x1b\n)", R"(head \x1b\n)"});
  EXPECT_EQ(missing.err.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace gamma_extract
