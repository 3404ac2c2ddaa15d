// The real program where the files cannot be given their names, or only in another way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "extraction.h"
#include "snapshot.h"
#include "traced_extraction.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using testing::expect_refused;
using testing::expect_success;
using testing::file_names;
using testing::Injection;
using testing::names_in;
using testing::Outcome;
using testing::snapshot;
using ::testing::UnorderedElementsAreArray;

/// What a file system can do: exchange two names, keep a file under a second name, or only rename.
enum class Ability : std::uint8_t { exchange, link, rename };

/// The first, the second or the third call that gives a file its name, and how the file system
/// makes it do so.
struct Rename {
  Ability ability;
  int which;
};

void PrintTo(const Rename& rename, std::ostream* out) {
  *out << "rename " << rename.which << ", ability " << static_cast<int>(rename.ability);
}

std::string name_of(const ::testing::TestParamInfo<Rename>& info) {
  const auto ability = static_cast<std::size_t>(info.param.ability);
  const std::vector<std::string> names{"Exchange", "Link", "Rename"};
  return names.at(ability) + std::to_string(info.param.which);
}

class FailingRenamesTest : public testing::TracedExtractionTest {
 protected:
  /// The injections that take from a file system what it has not.
  static std::vector<Injection> only(Ability ability) {
    if (ability == Ability::exchange) return {};
    // EINVAL is what NFS says.
    if (ability == Ability::link) return {{"renameat2", "error=EINVAL"}};
    return {{"renameat2", "error=EINVAL"}, {"linkat", "error=EPERM"}};
  }

  /// Runs the program where there is only `ability`, and one call is injected.
  [[nodiscard]] Outcome run_with(Ability ability, const Injection& injection,
                                 const std::vector<std::string>& more = {}) const {
    std::vector<Injection> injections = only(ability);
    injections.push_back(injection);
    return run_injected(injections, more);
  }

  [[nodiscard]] std::map<std::string, std::string> new_files() const {
    extract();
    auto result = files();
    fs::remove_all(out_.parent_path());
    return result;
  }
};

/// Where each rename can be undone.
class FailingRenameTest : public FailingRenamesTest, public ::testing::WithParamInterface<Rename> {
 protected:
  [[nodiscard]] static Injection injection(const std::string& how) {
    return {GetParam().ability == Ability::exchange ? "renameat2" : "renameat",
            how + ":when=" + std::to_string(GetParam().which)};
  }
  [[nodiscard]] Outcome run(const std::string& how,
                            const std::vector<std::string>& more = {}) const {
    return run_with(GetParam().ability == Ability::exchange ? Ability::exchange : Ability::link,
                    injection(how), more);
  }
};

TEST_P(FailingRenameTest, OldFilesComeBackAfterAnError) {
  write_old_files();
  const auto before = snapshot(out_);
  expect_refused(run("error=EIO", {"--force"}), 4, {out_.string(), "Input/output error"});
  EXPECT_TRUE(snapshot(out_) == before);
}

TEST_P(FailingRenameTest, NothingIsLeftAfterAnError) {
  expect_refused(run("error=EIO"), 4, {out_.string(), "Input/output error"});
  EXPECT_FALSE(fs::exists(out_.parent_path()));
}

TEST_P(FailingRenameTest, OldFilesComeBackAfterASignal) {
  write_old_files();
  const auto before = snapshot(out_);
  EXPECT_EQ(run("signal=SIGINT", {"--force"}).signal, SIGINT);
  EXPECT_TRUE(snapshot(out_) == before);
}

TEST_P(FailingRenameTest, NothingIsLeftAfterASignal) {
  EXPECT_EQ(run("signal=SIGINT").signal, SIGINT);
  EXPECT_FALSE(fs::exists(out_.parent_path()));
}

TEST_P(FailingRenameTest, EachNameHoldsACompleteFileAfterAKill) {
  const auto expected = new_files();
  write_old_files();
  const auto old_files = files();
  EXPECT_EQ(run("signal=SIGKILL", {"--force"}).signal, SIGKILL);
  const auto mixture = files();
  EXPECT_EQ(mixture.size(), file_names.size());
  int replaced = 0;
  for (const auto& [name, content] : mixture) {
    replaced += content == expected.at(name) ? 1 : 0;
    EXPECT_TRUE(content == old_files.at(name) || content == expected.at(name)) << name;
  }
  const int which = GetParam().which;
  EXPECT_THAT(replaced, AnyOf(which - 1, which)) << "the moment was not met";
  extract({"--force"});
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
  EXPECT_TRUE(files() == expected);
}

INSTANTIATE_TEST_SUITE_P(Each, FailingRenameTest,
                         ::testing::Values(Rename{Ability::exchange, 1},
                                           Rename{Ability::exchange, 2},
                                           Rename{Ability::exchange, 3}, Rename{Ability::link, 1},
                                           Rename{Ability::link, 2}, Rename{Ability::link, 3}),
                         name_of);

// File systems that can do less.

class FewerAbilitiesTest : public FailingRenamesTest, public ::testing::WithParamInterface<int> {
 protected:
  [[nodiscard]] static std::string when() { return ":when=" + std::to_string(GetParam()); }
};

TEST_F(FailingRenamesTest, OldFilesAreReplacedWithoutExchangeAndWithoutLinks) {
  const auto expected = new_files();
  for (const Ability ability : {Ability::link, Ability::rename}) {
    write_old_files();
    expect_success(run_injected(only(ability), {"--force"}));
    EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
    EXPECT_TRUE(files() == expected);
    fs::remove_all(out_);
  }
}

TEST_P(FewerAbilitiesTest, AnErrorOfALinkIsUndone) {
  write_old_files();
  const auto before = snapshot(out_);
  expect_refused(run_with(Ability::link, {"linkat", "error=EIO" + when()}, {"--force"}), 4,
                 {out_.string(), "Input/output error"});
  EXPECT_TRUE(snapshot(out_) == before);
}

// Where there is no way back, an error leaves a mixture of complete files, and says so.
TEST_P(FewerAbilitiesTest, AnErrorWithoutAWayBackIsToldAndTheNextRunRepairs) {
  const auto expected = new_files();
  write_old_files();
  const auto old_files = files();
  const Outcome outcome =
      run_with(Ability::rename, {"renameat", "error=EIO" + when()}, {"--force"});
  expect_refused(outcome, 4, {out_.string(), "Input/output error"});
  EXPECT_EQ(outcome.err.find("mixed") != std::string::npos, GetParam() > 1) << outcome.err;
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
  for (std::size_t i = 0; i < file_names.size(); ++i) {
    const bool replaced = static_cast<int>(i) + 1 < GetParam();
    const std::string& name = file_names[i];
    EXPECT_TRUE(files().at(name) == (replaced ? expected : old_files).at(name)) << name;
  }
  extract({"--force"});
  EXPECT_TRUE(files() == expected);
}

// To go on is then what leaves no mixture.
TEST_P(FewerAbilitiesTest, ASignalWithoutAWayBackWaits) {
  const auto expected = new_files();
  write_old_files();
  expect_success(run_with(Ability::rename, {"renameat", "signal=SIGINT" + when()}, {"--force"}));
  EXPECT_THAT(names_in(out_), UnorderedElementsAreArray(file_names));
  EXPECT_TRUE(files() == expected);
}

INSTANTIATE_TEST_SUITE_P(Each, FewerAbilitiesTest, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace gamma_extract
