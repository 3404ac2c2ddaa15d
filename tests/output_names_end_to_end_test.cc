// What may stand under an output's name, and what becomes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "extraction.h"
#include "seeded_extraction.h"
#include "snapshot.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::expect_refused;
using testing::file_names;
using testing::names_in;
using testing::read_file;
using testing::run_program;
using testing::snapshot;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;
using testing::write_seeded_checkpoint;

class OutputNamesTest : public testing::SeededExtractionTest {
 protected:
  OutputNamesTest() {
    write_seeded_checkpoint(model_, 64, 1);
    fs::create_directory(out_);
  }

  /// Whatever stands under the first name needs --force, and is then replaced.
  void expect_replaced_by_force_alone() const {
    const auto before = snapshot(out_);
    expect_refused(run_program(arguments()), 4, {(out_ / file_names[0]).string(), "--force"});
    EXPECT_TRUE(snapshot(out_) == before);
    extract({"--force"});
    EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(out_ / file_names[0])));
  }
};

TEST_F(OutputNamesTest, LinksAreReplacedAndTheirTargetsStay) {
  extract();
  const auto expected = files();
  const fs::path target = directory_ / "target";
  fs::create_directory(target);
  for (const auto& name : file_names) {
    fs::rename(out_ / name, target / name);
    fs::create_symlink(target / name, out_ / name);
  }
  const auto targets = snapshot(target);
  extract();
  for (const auto& name : file_names) EXPECT_FALSE(fs::is_symlink(out_ / name));
  EXPECT_TRUE(files() == expected);
  EXPECT_TRUE(snapshot(target) == targets);
}

TEST_F(OutputNamesTest, TheOtherNameOfAFileKeepsTheOldBytes) {
  write_old_files();
  const auto old_files = files();
  const fs::path other = directory_ / "other";
  fs::create_directory(other);
  for (const auto& name : file_names) fs::create_hard_link(out_ / name, other / name);
  extract({"--force"});
  for (const auto& name : file_names) {
    EXPECT_TRUE(read_file(other / name) == old_files.at(name)) << name;
    EXPECT_EQ(fs::hard_link_count(other / name), 1U) << name;
    EXPECT_FALSE(files().at(name) == old_files.at(name)) << name;
  }
}

TEST_F(OutputNamesTest, TheInputIsNotReplacedUnderAnotherOfItsNames) {
  const fs::path input = model_ / "model.safetensors";
  const std::string before = read_file(input);
  const fs::path output = out_ / file_names[2];
  fs::create_hard_link(input, output);
  for (const char* option : {"--quiet", "--force"}) {
    expect_refused(run_program({"--model", model_, "--out", out_, option}), 4,
                   {output.string(), "a file of the model itself", "--out"});
    EXPECT_THAT(names_in(out_), UnorderedElementsAre(file_names[2]));
    EXPECT_EQ(fs::hard_link_count(input), 2U);
  }
  // Of a symbolic link only the link is replaced.
  fs::remove(output);
  fs::create_symlink(input, output);
  extract({"--force"});
  EXPECT_FALSE(fs::is_symlink(output));
  EXPECT_TRUE(read_file(input) == before);
}

TEST_F(OutputNamesTest, ADirectoryIsAnError) {
  fs::create_directory(out_ / file_names[2]);
  for (const char* option : {"--quiet", "--force"}) {
    expect_refused(run_program({"--model", model_, "--out", out_, option}), 4,
                   {(out_ / file_names[2]).string()});
    EXPECT_THAT(names_in(out_), UnorderedElementsAre(file_names[2]));
  }
}

// To open a pipe would wait for its other end.
TEST_F(OutputNamesTest, APipeNeedsForce) {
  ASSERT_EQ(::mkfifo((out_ / file_names[0]).c_str(), 0600), 0);
  expect_replaced_by_force_alone();
}

TEST_F(OutputNamesTest, ASocketNeedsForce) {
  const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  const std::string path = directory_ / "socket";  // a short one: there is room for 108 bytes
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(listening);
  fs::rename(path, out_ / file_names[0]);
  expect_replaced_by_force_alone();
}

}  // namespace
}  // namespace gamma_extract
