#include "fetch_cache.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "environment.h"
#include "nobody.h"
#include "small_disk.h"
#include "temporary_directory.h"
#include "watcher.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using testing::environment;
using testing::expect_in_child;
using ::testing::HasSubstr;
using testing::mount_small_disk;
using testing::Nobody;
using testing::read_file;
using testing::TemporaryDirectory;
using testing::Watcher;
using testing::write_file;

const std::string commit = "cdbee75f17c01a7cc42f958dc650907174af0554";
const std::string other_commit = "0123456789abcdef0123456789abcdef01234567";
const std::string tag_signature = "Signature: 8a477f597d28d172789f06886806bc55";

TEST(FetchCacheRootTest, IsWhatTheEnvironmentSays) {
  EXPECT_EQ(
      fetch_cache_root(environment(
          {{"GAMMA_EXTRACT_CACHE", "/own"}, {"XDG_CACHE_HOME", "/xdg"}, {"HOME", "/home/me"}})),
      "/own");
  EXPECT_EQ(fetch_cache_root(environment({{"XDG_CACHE_HOME", "/xdg"}, {"HOME", "/home/me"}})),
            "/xdg/gamma-extract");
  EXPECT_EQ(fetch_cache_root(environment({{"HOME", "/home/me"}})), "/home/me/.cache/gamma-extract");
  EXPECT_EQ(fetch_cache_root(environment({}, {{"", "/home/me"}})), "/home/me/.cache/gamma-extract");
}

TEST(FetchCacheRootTest, EmptyCountsAsUnset) {
  EXPECT_EQ(
      fetch_cache_root(environment({{"GAMMA_EXTRACT_CACHE", ""}, {"XDG_CACHE_HOME", "/xdg"}})),
      "/xdg/gamma-extract");
  EXPECT_EQ(fetch_cache_root(environment({{"XDG_CACHE_HOME", ""}, {"HOME", "/home/me"}})),
            "/home/me/.cache/gamma-extract");
}

TEST(FetchCacheRootTest, TildeIsTheHomeDirectory) {
  EXPECT_EQ(fetch_cache_root(environment({{"GAMMA_EXTRACT_CACHE", "~/own"}, {"HOME", "/home/me"}})),
            "/home/me/own");
  EXPECT_EQ(fetch_cache_root(environment({{"XDG_CACHE_HOME", "~/xdg"}, {"HOME", "/home/me"}})),
            "/home/me/xdg/gamma-extract");
}

TEST(FetchCacheRootTest, NoHomeIsNoRoot) {
  EXPECT_EQ(fetch_cache_root(environment({})), "");
  EXPECT_EQ(fetch_cache_root(environment({{"GAMMA_EXTRACT_CACHE", "~/own"}})), "");
}

class FetchCacheTest : public ::testing::Test {
 protected:
  [[nodiscard]] fs::path root() const { return directory_ / "cache" / "gamma-extract"; }
  [[nodiscard]] fs::path repo() const { return root() / "models--Org--Name"; }

  [[nodiscard]] std::vector<std::string> names() const {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
      if (entry.is_regular_file()) names.insert(entry.path().lexically_relative(root()));
    }
    return {names.begin(), names.end()};
  }

  TemporaryDirectory directory_;
  Watcher watched_;
  FetchCache cache_{root(), "Org/Name", watched_.observer()};
  // Another run's.
  FetchCache again_{root(), "Org/Name", watched_.observer()};
  const std::string bytes_ = std::string("{\n\0 \xff }\n", 8);
};

TEST_F(FetchCacheTest, ReadingCreatesNothing) {
  EXPECT_FALSE(cache_.ref("main"));
  EXPECT_FALSE(cache_.text(commit, "config.json"));
  EXPECT_FALSE(cache_.header(commit, "config.json"));
  EXPECT_FALSE(cache_.is_absent(commit, "config.json"));
  EXPECT_TRUE(cache_.pieces_path(commit, "config.json", 0, 1));
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(FetchCacheTest, SavedIsReadAgain) {
  cache_.save_text(commit, "config.json", {.bytes = bytes_, .etag = "e1", .file_bytes = 10});
  cache_.save_header(commit, "m.safetensors",
                     {.bytes = "", .etag = "\"e\n2", .file_bytes = 1ULL << 63U});
  cache_.save_absent(commit, "model.safetensors");
  cache_.save_ref("main", commit);

  const auto text = again_.text(commit, "config.json");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->bytes, bytes_);
  EXPECT_EQ(text->etag, "e1");
  EXPECT_EQ(text->file_bytes, 10U);
  const auto header = again_.header(commit, "m.safetensors");
  ASSERT_TRUE(header);
  EXPECT_EQ(header->bytes, "");
  EXPECT_EQ(header->etag, "\"e\n2");
  EXPECT_EQ(header->file_bytes, 1ULL << 63U);
  EXPECT_TRUE(again_.is_absent(commit, "model.safetensors"));
  const auto ref = again_.ref("main");
  ASSERT_TRUE(ref);
  EXPECT_EQ(ref->commit, commit);
  EXPECT_EQ(ref->written, fs::last_write_time(repo() / "refs" / "main"));
  EXPECT_TRUE(watched_.warnings().empty());
  EXPECT_TRUE(cache_.keeps());
}

TEST_F(FetchCacheTest, NamesAreWhatAPersonExpects) {
  cache_.save_text(commit, "sub/config.json", {.bytes = bytes_, .etag = "e", .file_bytes = 10});
  cache_.save_header(commit, "a_B-1.safetensors", {.bytes = bytes_, .etag = "e", .file_bytes = 10});
  cache_.save_absent(commit, ".hidden file");
  cache_.save_ref("refs/pr/1", commit);
  const std::string of_commit = "models--Org--Name/" + commit;
  EXPECT_THAT(names(),
              ::testing::ElementsAre("CACHEDIR.TAG", of_commit + "/%2Ehidden%20file.absent",
                                     of_commit + "/a_B-1.safetensors.header",
                                     of_commit + "/sub%2Fconfig.json.text",
                                     "models--Org--Name/refs/refs%2Fpr%2F1"));
  EXPECT_EQ(cache_.pieces_path(commit, "m.safetensors", 8, 20),
            repo() / commit / "m.safetensors.8-20");
  EXPECT_TRUE(read_file(root() / "CACHEDIR.TAG").starts_with(tag_signature));
}

TEST_F(FetchCacheTest, EntriesAreNotTakenForEachOther) {
  cache_.save_text(commit, "a/b", {.bytes = "one", .etag = "e", .file_bytes = 3});
  EXPECT_FALSE(cache_.text(other_commit, "a/b"));
  EXPECT_FALSE(cache_.text(commit, "a%2Fb"));
  EXPECT_FALSE(cache_.header(commit, "a/b"));
  EXPECT_FALSE(cache_.is_absent(commit, "a/b"));
  EXPECT_FALSE(FetchCache(root(), "Org/Other", watched_.observer()).text(commit, "a/b"));
  // One that somebody has renamed.
  fs::copy_file(repo() / commit / "a%2Fb.text", repo() / commit / "c.text");
  EXPECT_FALSE(cache_.text(commit, "c"));
  EXPECT_TRUE(cache_.text(commit, "a/b"));
}

TEST_F(FetchCacheTest, DamagedEntryCountsAsNone) {
  cache_.save_text(commit, "a", {.bytes = bytes_, .etag = "etag", .file_bytes = 10});
  const fs::path path = repo() / commit / "a.text";
  const std::string whole = read_file(path);
  ASSERT_GT(whole.size(), bytes_.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    write_file(path, whole.substr(0, i));
    EXPECT_FALSE(cache_.text(commit, "a")) << "cut off after " << i << " bytes";
    for (const unsigned bit : {1U, 4U, 0x20U, 0x80U}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ bit);
      write_file(path, damaged);
      EXPECT_FALSE(cache_.text(commit, "a")) << "byte " << i << ", bit " << bit;
    }
  }
  for (const std::string text : {"\n", "null\n", "[]\n", "{}\n",
                                 R"({"etag":1,"file_bytes":1})"
                                 "\n",
                                 R"({"etag":"e","file_bytes":"1"})"
                                 "\n"}) {
    write_file(path, text);
    EXPECT_FALSE(cache_.text(commit, "a")) << text;
  }
  write_file(path, whole + "x");
  EXPECT_FALSE(cache_.text(commit, "a"));
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_FALSE(cache_.text(commit, "a"));
}

TEST_F(FetchCacheTest, DamagedEntryIsReplaced) {
  write_file(repo() / commit / "a.text", "?");
  cache_.save_text(commit, "a", {.bytes = "whole", .etag = "e", .file_bytes = 5});
  EXPECT_EQ(again_.text(commit, "a")->bytes, "whole");
}

TEST_F(FetchCacheTest, RefIsTheLastThatWasNamed) {
  cache_.save_ref("main", commit);
  fs::last_write_time(repo() / "refs" / "main",
                      again_.ref("main")->written - std::chrono::hours(1));
  const auto before = again_.ref("main")->written;
  cache_.save_ref("main", commit);
  EXPECT_GT(again_.ref("main")->written, before);
  cache_.save_ref("main", other_commit);
  EXPECT_EQ(again_.ref("main")->commit, other_commit);
  EXPECT_FALSE(again_.ref("Main"));
}

TEST_F(FetchCacheTest, DamagedRefCountsAsNone) {
  for (const std::string& text :
       {std::string(), commit.substr(1), commit + commit, commit + " ", "../../" + commit,
        fmt::format("X{}", commit.substr(1)), std::string(5000, 'a')}) {
    write_file(repo() / "refs" / "main", text);
    EXPECT_FALSE(cache_.ref("main")) << text;
  }
}

struct HostileName {
  std::string label;
  std::string name;
};

void PrintTo(const HostileName& name, std::ostream* out) {
  *out << name.label;
}

class HostileNameTest : public FetchCacheTest, public ::testing::WithParamInterface<HostileName> {};

TEST_P(HostileNameTest, StaysWithinItsDirectoryAndIsReadAgain) {
  const std::string& name = GetParam().name;
  const FetchCache::Entry entry{.bytes = "x", .etag = name, .file_bytes = 1};
  cache_.save_ref(name, commit);
  cache_.save_text(commit, name, entry);
  cache_.save_header(commit, name, entry);
  cache_.save_absent(commit, name);
  EXPECT_TRUE(watched_.warnings().empty());
  EXPECT_TRUE(again_.ref(name));
  EXPECT_TRUE(again_.text(commit, name));
  EXPECT_TRUE(again_.header(commit, name));
  EXPECT_TRUE(again_.is_absent(commit, name));
  EXPECT_EQ(std::distance(fs::directory_iterator(repo() / commit), {}), 3);
  EXPECT_EQ(std::distance(fs::directory_iterator(repo() / "refs"), {}), 1);
  EXPECT_EQ(cache_.pieces_path(commit, name, 0, 1)->parent_path(), repo() / commit);
  // As a commit, and as a repo.
  FetchCache hostile(root(), name, watched_.observer());
  hostile.save_text(name, "a", entry);
  EXPECT_TRUE(hostile.text(name, "a"));
  EXPECT_FALSE(again_.text(name, "a"));
  EXPECT_TRUE(watched_.warnings().empty());
  for (const std::string& file : names()) {
    EXPECT_TRUE(file == "CACHEDIR.TAG" || file.starts_with("models--") ||
                file.starts_with("%sha256-"))
        << file;
    EXPECT_EQ(std::ranges::count(file, '/'), file == "CACHEDIR.TAG" ? 0 : 2) << file;
    EXPECT_EQ(file.find_first_of(std::string_view("\0\n\\", 3)), std::string::npos) << file;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Names, HostileNameTest,
    ::testing::Values(HostileName{"Parent", ".."}, HostileName{"Itself", "."},
                      HostileName{"Empty", ""}, HostileName{"Climbing", "../../../x"},
                      HostileName{"Absolute", "/etc/x"}, HostileName{"Inside", "a/../../b"},
                      HostileName{"Newline", "a\nb"}, HostileName{"Refs", "refs"},
                      HostileName{"Encoded", "%2F"}, HostileName{"Nul", std::string("a\0b", 3)},
                      HostileName{"NotUtf8", "\xff\xfe"}, HostileName{"Option", "-rf"},
                      HostileName{"Home", "~"}, HostileName{"Backslash", "CON\\x"},
                      HostileName{"Long", std::string(5000, 'x')},
                      HostileName{"LongWhenEncoded", std::string(200, '/')}),
    [](const auto& info) { return info.param.label; });

TEST_F(FetchCacheTest, LongNamesDiffer) {
  const std::string one(300, 'x');
  cache_.save_absent(commit, one);
  EXPECT_TRUE(cache_.is_absent(commit, one));
  EXPECT_FALSE(cache_.is_absent(commit, one + "x"));
}

TEST_F(FetchCacheTest, LinkIsReplacedNotFollowed) {
  write_file(directory_ / "precious", "stays");
  fs::create_directories(repo() / commit);
  fs::create_symlink(directory_ / "precious", repo() / commit / "a.text");
  cache_.save_text(commit, "a", {.bytes = "x", .etag = "e", .file_bytes = 1});
  EXPECT_EQ(read_file(directory_ / "precious"), "stays");
  EXPECT_TRUE(again_.text(commit, "a"));
}

TEST_F(FetchCacheTest, ModesAreTheUmasks) {
  const mode_t before = ::umask(027);
  cache_.save_absent(commit, "a");
  ::umask(before);
  EXPECT_EQ(fs::status(repo() / commit).permissions(), fs::perms(0750));
  EXPECT_EQ(fs::status(repo() / commit / "a.absent").permissions(), fs::perms(0640));
  EXPECT_EQ(fs::status(root() / "CACHEDIR.TAG").permissions(), fs::perms(0640));
}

TEST_F(FetchCacheTest, ReadOnlyDirectoryIsWarnedOfOnce) {
  cache_.save_absent(commit, "a");
  fs::permissions(directory_.path(), fs::perms(0755));
  for (const fs::path& path : {repo(), repo() / commit}) fs::permissions(path, fs::perms(0555));
  const Nobody nobody;
  cache_.save_ref("main", commit);
  cache_.save_text(commit, "b", {});
  cache_.save_header(commit, "b", {});
  cache_.save_absent(commit, "b");
  ASSERT_EQ(watched_.warnings().size(), 1U);
  EXPECT_THAT(watched_.warnings().front(), HasSubstr(root().string() + ": "));
  EXPECT_THAT(watched_.warnings().front(), HasSubstr("Permission denied"));
  EXPECT_THAT(watched_.warnings().front(), HasSubstr("GAMMA_EXTRACT_CACHE"));
  EXPECT_FALSE(cache_.keeps());
  EXPECT_TRUE(cache_.is_absent(commit, "a"));
  EXPECT_FALSE(cache_.is_absent(commit, "b"));
}

TEST_F(FetchCacheTest, NothingIsTriedAfterAFailure) {
  write_file(repo() / "refs", "in the way");
  cache_.save_ref("main", commit);
  fs::remove(repo() / "refs");
  cache_.save_ref("main", commit);
  EXPECT_FALSE(again_.ref("main"));
  EXPECT_EQ(watched_.warnings().size(), 1U);
}

TEST_F(FetchCacheTest, FullDiskLeavesTheOldEntryAndNoPart) {
  SKIP_UNLESS_ROOT();
  fs::create_directories(root());
  expect_in_child([&] {
    ASSERT_TRUE(mount_small_disk(root(), 64 << 10U));
    cache_.save_text(commit, "a", {.bytes = "old", .etag = "e", .file_bytes = 3});
    again_.save_text(commit, "a",
                     {.bytes = std::string(100 << 10U, 'x'), .etag = "e", .file_bytes = 3});
    again_.save_text(commit, "b", {.bytes = "small", .etag = "e", .file_bytes = 5});
    ASSERT_EQ(watched_.warnings().size(), 1U);
    EXPECT_THAT(watched_.warnings().front(), HasSubstr("No space left on device"));
    EXPECT_EQ(cache_.text(commit, "a")->bytes, "old");
    EXPECT_THAT(names(),
                ::testing::ElementsAre("CACHEDIR.TAG", "models--Org--Name/" + commit + "/a.text"));
  });
}

TEST_F(FetchCacheTest, WithoutHomeNothingIsKept) {
  FetchCache none("", "Org/Name", watched_.observer());
  EXPECT_FALSE(none.ref("main"));
  EXPECT_FALSE(none.text(commit, "a"));
  EXPECT_FALSE(none.pieces_path(commit, "a", 0, 1));
  EXPECT_TRUE(watched_.warnings().empty());
  none.save_absent(commit, "a");
  none.save_ref("main", commit);
  ASSERT_EQ(watched_.warnings().size(), 1U);
  EXPECT_THAT(watched_.warnings().front(), HasSubstr("home directory"));
  EXPECT_FALSE(fs::exists("models--Org--Name"));
  EXPECT_FALSE(fs::exists(commit));
}

}  // namespace
}  // namespace gamma_extract
