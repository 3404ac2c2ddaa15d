#include "piece_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "expect_fault.h"
#include "nobody.h"
#include "small_disk.h"
#include "temporary_directory.h"
#include "watcher.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::expect_in_child;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::mount_small_disk;
using testing::Nobody;
using testing::read_file;
using testing::TemporaryDirectory;
using testing::Watcher;
using testing::write_file;

using Bytes = std::vector<std::byte>;
using Pieces = std::vector<std::size_t>;

constexpr std::size_t count = 8;
const RemoteRange range{.repo = "Org/Name",
                        .commit = "cdbee75f17c01a7cc42f958dc650907174af0554",
                        .file = "model.safetensors",
                        .etag = "e1",
                        .file_bytes = 20 * piece_bytes,
                        .begin = 1001,
                        .end = 1001 + 7 * piece_bytes + 12'345};

/// What the Hub has from `begin` to `end`, of the range: bytes that nobody would guess.
Bytes remote_bytes(std::uint64_t begin, std::uint64_t end) {
  static const Bytes all = [] {
    Bytes bytes(range.end - range.begin);
    std::uint64_t i = 0;
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(++i * 0x9e3779b97f4a7c15U >> 56U);
    return bytes;
  }();
  const std::span<const std::byte> part = std::span(all).subspan(begin - range.begin, end - begin);
  return {part.begin(), part.end()};
}

void fetch(PieceStore& store, std::size_t piece) {
  const auto [begin, end] = store.piece(piece);
  store.write(begin, remote_bytes(begin, end));
  store.finish(piece);
}

void fetch(PieceStore& store, const Pieces& pieces) {
  for (const std::size_t i : pieces) fetch(store, i);
}

Bytes read(const PieceStore& store, std::uint64_t begin, std::uint64_t end) {
  Bytes bytes(end - begin);
  store.read_at(begin, bytes);
  return bytes;
}

void expect_whole(PieceStore& store) {
  for (const std::size_t i : store.claimed()) EXPECT_TRUE(store.verify(i)) << i;
  ASSERT_THAT(store.missing(), IsEmpty());
  EXPECT_TRUE(read(store, range.begin, range.end) == remote_bytes(range.begin, range.end));
}

std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.insert(entry.path().filename());
  }
  return names;
}

void append(const fs::path& path, const std::string& text) {
  write_file(path, read_file(path) + text);
}

/// The map, locked by another than the store, or nothing if the store holds the lock.
Descriptor locked(const fs::path& map) {
  Descriptor descriptor(::open(map.c_str(), O_RDWR | O_CLOEXEC));
  return try_lock(descriptor.get()) == LockResult::taken ? std::move(descriptor) : Descriptor();
}

class PieceStoreTest : public ::testing::Test {
 protected:
  PieceStoreTest() {
    fs::create_directory(spill_);
    fs::permissions(directory_.path(), fs::perms(0755));
    fs::permissions(spill_, fs::perms(0777));
  }

  [[nodiscard]] PieceStore open(const RemoteRange& of = range) {
    return PieceStore(of, {.kept = base_, .spill = {spill_}}, watched_.observer());
  }

  [[nodiscard]] std::unique_ptr<PieceStore> open_unique() {
    return std::make_unique<PieceStore>(range, PiecePlaces{.kept = base_, .spill = {spill_}},
                                        watched_.observer());
  }

  void fill(const Pieces& pieces) {
    PieceStore store = open();
    fetch(store, pieces);
  }

  TemporaryDirectory directory_;
  const fs::path entry_ = directory_ / "cache" / "commit";
  const fs::path base_ = entry_ / "model.safetensors.1001-9999";
  const fs::path map_ = base_.string() + ".pieces";
  const fs::path data_ = base_.string() + ".data";
  const fs::path spill_ = directory_ / "spill";
  Watcher watched_;
  const Pieces all_{0, 1, 2, 3, 4, 5, 6, 7};
};

TEST_F(PieceStoreTest, PiecesCoverTheRange) {
  const PieceStore store = open();
  ASSERT_EQ(store.size(), count);
  std::uint64_t end = range.begin;
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(store.piece(i).first, end);
    end = store.piece(i).second;
    EXPECT_EQ(end - store.piece(i).first, i + 1 < count ? piece_bytes : 12'345);
  }
  EXPECT_EQ(end, range.end);
  EXPECT_EQ(store.missing(), all_);
}

TEST_F(PieceStoreTest, WrittenIsRead) {
  PieceStore store = open();
  const Bytes remote = remote_bytes(range.begin, range.end);
  // In parts that respect no piece.
  for (std::size_t at = 0; at < remote.size(); at += 700'001) {
    const std::size_t size = std::min<std::size_t>(700'001, remote.size() - at);
    store.write(range.begin + at, std::span(remote).subspan(at, size));
  }
  EXPECT_EQ(store.missing(), all_);
  for (const std::size_t i : {3, 0, 7, 1, 2, 6, 5, 4}) {
    EXPECT_FALSE(store.is_whole(i));
    store.finish(i);
    EXPECT_TRUE(store.is_whole(i));
  }
  expect_whole(store);
  EXPECT_TRUE(read(store, 1'500'000, 4'500'001) == remote_bytes(1'500'000, 4'500'001));
  EXPECT_THAT(names_in(entry_), ElementsAre(data_.filename(), map_.filename()));
  EXPECT_THAT(watched_.warnings(), IsEmpty());
}

TEST_F(PieceStoreTest, PieceMayBeBegunAnewOrTakenUp) {
  PieceStore store = open();
  const auto [begin, end] = store.piece(1);
  const Bytes remote = remote_bytes(begin, end);
  const std::span<const std::byte> all = remote;
  store.write(begin, Bytes(5000));
  store.write(begin, all.first(4000));
  store.write(begin + 3000, all.subspan(3000));
  store.finish(1);
  EXPECT_TRUE(read(store, begin, end) == remote);
}

TEST_F(PieceStoreTest, WrongCallsAreRefused) {
  PieceStore store = open();
  const auto [begin, end] = store.piece(1);
  const Bytes remote = remote_bytes(begin, end);
  const std::span<const std::byte> all = remote;
  store.write(begin, all.first(10));
  EXPECT_THROW(store.write(begin + 11, all.subspan(11)), std::logic_error);
  EXPECT_THROW(store.finish(1), std::logic_error);
  EXPECT_THROW(store.finish(2), std::logic_error);
  EXPECT_THROW((void)read(store, begin, begin + 1), std::logic_error);
  EXPECT_THROW(store.write(range.begin - 1, all.first(1)), std::logic_error);
  EXPECT_THROW(store.write(range.end, all.first(1)), std::logic_error);
  fetch(store, 1);
  EXPECT_THROW(store.write(begin, all.first(1)), std::logic_error);
}

TEST_F(PieceStoreTest, NextRunHasWhatWasFetched) {
  fill({6, 1, 7});
  PieceStore store = open();
  EXPECT_EQ(store.claimed(), (Pieces{1, 6, 7}));
  EXPECT_EQ(store.missing(), (Pieces{0, 2, 3, 4, 5}));
  EXPECT_FALSE(store.is_whole(1));
  EXPECT_TRUE(store.verify(1));
  EXPECT_TRUE(store.is_whole(1));
  EXPECT_EQ(store.claimed(), (Pieces{6, 7}));
  fetch(store, store.missing());
  expect_whole(store);
}

TEST_F(PieceStoreTest, EmptyRangeIsWhole) {
  RemoteRange empty = range;
  empty.end = empty.begin;
  PieceStore store = open(empty);
  EXPECT_EQ(store.size(), 0U);
  store.wait_whole(empty.begin, empty.end, [] {});
}

// What an earlier run has left.

TEST_F(PieceStoreTest, FlippedByteIsFetchedAgainInItsPlace) {
  fill(all_);
  std::string data = read_file(data_);
  data[2 * piece_bytes + 77] ^= 1;
  data.back() ^= 4;
  write_file(data_, data);
  {
    PieceStore store = open();
    EXPECT_EQ(store.claimed(), all_);
    for (const std::size_t i : all_) EXPECT_EQ(store.verify(i), i != 2 && i != 7) << i;
    EXPECT_EQ(store.missing(), (Pieces{2, 7}));
    fetch(store, {2, 7});
    expect_whole(store);
  }
  PieceStore store = open();
  EXPECT_EQ(store.claimed(), all_);
  expect_whole(store);
  EXPECT_THAT(watched_.warnings(), IsEmpty());
}

TEST_F(PieceStoreTest, TornLineIsCutOff) {
  fill({0, 1});
  const std::string whole = read_file(map_);
  append(map_, piece_map_line(2, 9).substr(0, 20));
  fill({3});
  EXPECT_EQ(read_file(map_).size(), whole.size() + piece_map_line(0, 0).size());
  EXPECT_EQ(open().claimed(), (Pieces{0, 1, 3}));
}

TEST_F(PieceStoreTest, TornLineAfterACompleteMapIsCutOff) {
  fill(all_);
  const std::string whole = read_file(map_);
  append(map_, "torn");
  const PieceStore store = open();
  EXPECT_EQ(store.claimed(), all_);
  EXPECT_EQ(read_file(map_), whole);
  EXPECT_GE(locked(map_).get(), 0);
}

TEST_F(PieceStoreTest, ClaimBeyondTheDataIsMissing) {
  fill(all_);
  fs::resize_file(data_, 3 * piece_bytes - 1);
  PieceStore store = open();
  EXPECT_EQ(store.claimed(), (Pieces{0, 1}));
  fetch(store, store.missing());
  expect_whole(store);
}

TEST_F(PieceStoreTest, HoleIsNoPiece) {
  fill(all_);
  fs::resize_file(data_, 0);
  fs::resize_file(data_, range.end - range.begin);  // as after a power cut
  PieceStore store = open();
  EXPECT_EQ(store.claimed(), all_);
  for (const std::size_t i : all_) EXPECT_FALSE(store.verify(i));
  fetch(store, store.missing());
  expect_whole(store);
}

TEST_F(PieceStoreTest, AnythingMayBeDeleted) {
  fill(all_);
  fs::remove(data_);
  EXPECT_THAT(open().claimed(), IsEmpty());
  fill(all_);
  fs::remove(map_);
  EXPECT_THAT(open().claimed(), IsEmpty());
  fill(all_);
  PieceStore store = open();
  fs::remove_all(directory_ / "cache");
  expect_whole(store);
  EXPECT_THAT(watched_.warnings(), IsEmpty());
}

TEST_F(PieceStoreTest, AnotherFileStartsAnew) {
  fill(all_);
  std::vector<RemoteRange> others(5, range);
  others[0].etag = "e2";
  others[1].file_bytes += 1;
  others[2].commit[0] = 'd';
  others[3].file = "other.safetensors";
  others[4].end -= 1;
  for (const RemoteRange& other : others) {
    PieceStore before = open();
    EXPECT_THAT(before.missing(), IsEmpty());
    for (const std::size_t i : all_) EXPECT_TRUE(before.verify(i));
    {
      PieceStore store = open(other);
      EXPECT_THAT(store.claimed(), IsEmpty());
      const auto [begin, end] = store.piece(0);
      store.write(begin, Bytes(end - begin));
      store.finish(0);
      EXPECT_TRUE(read(store, begin, end) == Bytes(end - begin));
    }
    // A run that is reading the other keeps what it has.
    expect_whole(before);
    EXPECT_EQ(open(other).claimed(), Pieces{0});
    fs::remove_all(entry_);
    fill(all_);
  }
  EXPECT_THAT(watched_.warnings(), IsEmpty());
}

TEST_F(PieceStoreTest, DamagedFirstLineStartsAnew) {
  fill(all_);
  write_file(map_, "?" + read_file(map_).substr(1));
  EXPECT_EQ(open().missing(), all_);
  write_file(map_, read_file(map_).substr(0, 5));
  fill(all_);
  EXPECT_EQ(open().claimed(), all_);
}

/// A counter that a child process shares, to tell how far it is.
class SharedCounter {
 public:
  SharedCounter()
      : value_(static_cast<std::atomic<unsigned>*>(::mmap(nullptr, sizeof(std::atomic<unsigned>),
                                                          PROT_READ | PROT_WRITE,
                                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    *value_ = 0;
  }
  SharedCounter(const SharedCounter&) = delete;
  SharedCounter& operator=(const SharedCounter&) = delete;
  ~SharedCounter() { ::munmap(value_, sizeof(std::atomic<unsigned>)); }

  std::atomic<unsigned>& operator*() { return *value_; }

 private:
  std::atomic<unsigned>* value_;
};

template <class Body>
pid_t start_child(const Body& body) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  body();
  ::_exit(0);
}

TEST_F(PieceStoreTest, KilledRunLosesThePiecesUnderWayAlone) {
  constexpr unsigned kills = 20;
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same moments each time
  SharedCounter finished;
  unsigned written = 0;
  for (unsigned i = 0; i < kills; ++i) {
    *finished = 0;
    const pid_t child = start_child([&] {
      PieceStore store = open();
      Pieces missing = store.missing();
      std::ranges::shuffle(missing, random);
      for (const std::size_t piece : missing) {
        fetch(store, piece);
        ++*finished;
      }
      ::pause();
    });
    while (*finished == 0) ::usleep(50);
    ::usleep(std::uniform_int_distribution<unsigned>(0, 4000)(random));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const unsigned done = *finished;
    written += done;
    PieceStore store = open();
    EXPECT_GE(store.claimed().size(), written);
    EXPECT_LE(store.claimed().size(), written + 1);
    written = static_cast<unsigned>(store.claimed().size());
    for (const std::size_t piece : store.claimed()) EXPECT_TRUE(store.verify(piece));
    if (!store.missing().empty()) continue;
    fs::remove_all(entry_);
    written = 0;
  }
}

// Two runs at once.

TEST_F(PieceStoreTest, LockIsHeldUntilNothingIsMissing) {
  PieceStore store = open();
  fetch(store, {0, 1, 2, 3, 4, 5, 6});
  EXPECT_LT(locked(map_).get(), 0);
  fetch(store, 7);
  EXPECT_GE(locked(map_).get(), 0);
}

TEST_F(PieceStoreTest, LockEndsWithTheRun) {
  fill({0});
  EXPECT_GE(locked(map_).get(), 0);
}

TEST_F(PieceStoreTest, CompleteEntryNeedsNoLock) {
  fill(all_);
  const Descriptor other = locked(map_);
  ASSERT_GE(other.get(), 0);
  watched_.on_warning = [&] { watched_.stop.request(SIGINT); };  // instead of waiting for ever
  PieceStore store = open();
  expect_whole(store);
}

TEST_F(PieceStoreTest, ReadersOfACompleteEntryExcludeNobody) {
  fill(all_);
  const PieceStore store = open();
  EXPECT_GE(locked(map_).get(), 0);
}

TEST_F(PieceStoreTest, TwoMayMendACompleteEntryAtOnce) {
  fill(all_);
  std::string data = read_file(data_);
  data[0] ^= 1;
  data[piece_bytes] ^= 1;
  write_file(data_, data);
  const std::size_t before = fs::file_size(map_);
  PieceStore one = open();
  PieceStore two = open();
  EXPECT_FALSE(one.verify(0));
  EXPECT_FALSE(two.verify(1));
  fetch(one, 0);
  fetch(two, 1);
  expect_whole(one);
  expect_whole(two);
  EXPECT_EQ(fs::file_size(map_), before + 2 * piece_map_line(0, 0).size());
  EXPECT_EQ(open().claimed(), all_);
}

TEST_F(PieceStoreTest, SecondRunWaitsAndFetchesNothingAgain) {
  auto first = open_unique();
  fetch(*first, {0, 5});
  SharedCounter waiting;
  const pid_t second = start_child([&] {
    watched_.on_warning = [&] { ++*waiting; };
    const PieceStore store = open();
    const bool right = store.missing().empty() && store.claimed().size() == count &&
                       watched_.warnings().size() == 1 &&
                       watched_.warnings().front().find("another run") != std::string::npos &&
                       watched_.progress.note.text().empty();
    ::_exit(right ? 0 : 1);
  });
  while (*waiting == 0) ::usleep(1000);
  EXPECT_EQ(::waitpid(second, nullptr, WNOHANG), 0);
  fetch(*first, first->missing());
  int status = -1;
  ::waitpid(second, &status, 0);
  EXPECT_EQ(status, 0);
  expect_whole(*first);
}

TEST_F(PieceStoreTest, SecondRunGoesOnWhereAKilledOneStopped) {
  SharedCounter finished;
  const pid_t first = start_child([&] {
    PieceStore store = open();
    fetch(store, {4, 2});
    ++*finished;
    ::pause();
  });
  while (*finished == 0) ::usleep(1000);
  watched_.on_warning = [&] { ::kill(first, SIGKILL); };
  PieceStore store = open();
  ::waitpid(first, nullptr, 0);
  EXPECT_EQ(watched_.warnings().size(), 1U);
  EXPECT_EQ(store.claimed(), (Pieces{2, 4}));
  fetch(store, store.missing());
  expect_whole(store);
}

TEST_F(PieceStoreTest, StopEndsTheWait) {
  const PieceStore first = open();
  std::string note;
  watched_.on_warning = [&] {
    note = watched_.progress.note.text();
    watched_.stop.request(SIGTERM);
  };
  EXPECT_THROW((void)open(), Stopped);
  EXPECT_THAT(note, HasSubstr("another run"));
}

TEST_F(PieceStoreTest, WaiterFollowsAMapThatWasReplaced) {
  auto first = open_unique();
  watched_.on_warning = [&] {
    fs::remove(map_);
    fs::remove(data_);
    fill(all_);
    first.reset();
  };
  const PieceStore second = open();
  EXPECT_EQ(second.claimed(), all_);
}

// Where the cache cannot be written.

TEST_F(PieceStoreTest, WithoutCacheNothingHasAName) {
  PieceStore store(range, {.kept = {}, .spill = {spill_}}, watched_.observer());
  fetch(store, all_);
  expect_whole(store);
  EXPECT_THAT(names_in(spill_), IsEmpty());
  EXPECT_THAT(names_in(directory_.path()), ElementsAre("spill"));
  EXPECT_THAT(watched_.warnings(), IsEmpty());
}

TEST_F(PieceStoreTest, FullDiskIsARunWithoutCache) {
  SKIP_UNLESS_ROOT();
  fs::create_directories(entry_);
  expect_in_child([&] {
    ASSERT_TRUE(mount_small_disk(entry_, 3 * piece_bytes + 50'000));
    {
      PieceStore store = open();
      fetch(store, all_);
      expect_whole(store);
    }
    ASSERT_EQ(watched_.warnings().size(), 1U);
    EXPECT_THAT(watched_.warnings().front(),
                AllOf(HasSubstr(data_.string() + ": "), HasSubstr("No space left on device"),
                      HasSubstr("GAMMA_EXTRACT_CACHE")));
    PieceStore again = open();
    EXPECT_GE(again.claimed().size(), 2U);
    for (const std::size_t i : again.claimed()) EXPECT_TRUE(again.verify(i));
    fetch(again, again.missing());
    expect_whole(again);
    EXPECT_EQ(watched_.warnings().size(), 2U);
  });
}

TEST_F(PieceStoreTest, FullDiskLetsOthersFillTheEntry) {
  SKIP_UNLESS_ROOT();
  fs::create_directories(entry_);
  expect_in_child([&] {
    ASSERT_TRUE(mount_small_disk(entry_, 3 * piece_bytes + 50'000));
    PieceStore store = open();
    fetch(store, {0, 1, 2, 3, 4});
    EXPECT_EQ(watched_.warnings().size(), 1U);
    EXPECT_GE(locked(map_).get(), 0);
  });
}

TEST_F(PieceStoreTest, NoRoomForTheMapLeavesNoTornLine) {
  // The limit is reached by the map, whose first line is made long.
  expect_in_child([&] {
    ASSERT_NE(::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    RemoteRange small = range;
    small.end = small.begin + 3 * piece_bytes;
    small.etag = std::string(4 * piece_bytes, 'e');
    const std::size_t limit = piece_map_head(small).size() + piece_map_line(0, 0).size() * 3 / 2;
    const struct rlimit file_limit { limit, limit };
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &file_limit), 0);
    PieceStore store = open(small);
    fetch(store, {0, 1, 2});
    EXPECT_THAT(store.missing(), IsEmpty());
    EXPECT_EQ(watched_.warnings().size(), 1U);
    EXPECT_EQ(fs::file_size(map_), piece_map_head(small).size() + piece_map_line(0, 0).size());
  });
}

TEST_F(PieceStoreTest, FileLimitIsTold) {
  expect_in_child([&] {
    ASSERT_NE(::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    const struct rlimit limit { 2 * piece_bytes + 500, 2 * piece_bytes + 500 };
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    PieceStore store = open();
    fetch(store, {0, 1});
    EXPECT_THAT(watched_.warnings(), IsEmpty());
    EXPECT_FAULT(fetch(store, 2), output_file_limit);
    ASSERT_EQ(watched_.warnings().size(), 1U);
    EXPECT_THAT(watched_.warnings().front(), HasSubstr("ulimit -f"));
  });
}

TEST_F(PieceStoreTest, ReadOnlyCacheIsReadAndAddedToNowhere) {
  fill({0, 1, 2});
  fs::permissions(entry_, fs::perms(0555));
  for (const fs::path& path : {map_, data_}) fs::permissions(path, fs::perms(0444));
  const std::string before = read_file(map_);
  const Nobody nobody;
  PieceStore store = open();
  EXPECT_EQ(store.claimed(), (Pieces{0, 1, 2}));
  ASSERT_EQ(watched_.warnings().size(), 1U);
  EXPECT_THAT(watched_.warnings().front(), HasSubstr("Permission denied"));
  fetch(store, store.missing());
  expect_whole(store);
  EXPECT_EQ(watched_.warnings().size(), 1U);
  EXPECT_EQ(read_file(map_), before);
}

TEST_F(PieceStoreTest, CompleteReadOnlyCacheIsNotWarnedOf) {
  fill(all_);
  fs::permissions(entry_, fs::perms(0555));
  for (const fs::path& path : {map_, data_}) fs::permissions(path, fs::perms(0444));
  const Nobody nobody;
  // Nowhere to spill to: there is no need.
  PieceStore store(range, {.kept = base_, .spill = {}}, watched_.observer());
  expect_whole(store);
  EXPECT_THAT(watched_.warnings(), IsEmpty());
}

TEST_F(PieceStoreTest, DamageInAReadOnlyCacheIsFetchedElsewhere) {
  fill(all_);
  std::string data = read_file(data_);
  data[5] ^= 1;
  write_file(data_, data);
  for (const fs::path& path : {map_, data_}) fs::permissions(path, fs::perms(0444));
  const Nobody nobody;
  PieceStore store = open();
  EXPECT_FALSE(store.verify(0));
  fetch(store, 0);
  expect_whole(store);
  ASSERT_EQ(watched_.warnings().size(), 1U);
  EXPECT_THAT(watched_.warnings().front(), HasSubstr("Permission denied"));
}

TEST_F(PieceStoreTest, UnreadableCacheIsNone) {
  fill(all_);
  fs::permissions(map_, fs::perms(0));
  const Nobody nobody;
  PieceStore store = open();
  EXPECT_EQ(store.missing(), all_);
  EXPECT_EQ(watched_.warnings().size(), 1U);
  fetch(store, all_);
  expect_whole(store);
}

TEST_F(PieceStoreTest, ForbiddenDirectoryIsWarnedOf) {
  const Nobody nobody;
  PieceStore store = open();
  EXPECT_EQ(watched_.warnings().size(), 1U);
  EXPECT_FALSE(fs::exists(entry_));
  fetch(store, all_);
  expect_whole(store);
}

TEST_F(PieceStoreTest, WhoWasWarnedIsNotWarnedAgain) {
  fill({0, 1, 2});
  const std::string before = read_file(map_);
  PieceStore store(range, {.kept = base_, .may_keep = false, .spill = {spill_}},
                   watched_.observer());
  EXPECT_EQ(store.claimed(), (Pieces{0, 1, 2}));
  fetch(store, store.missing());
  expect_whole(store);
  EXPECT_THAT(watched_.warnings(), IsEmpty());
  EXPECT_EQ(read_file(map_), before);
}

TEST_F(PieceStoreTest, NothingIsCreatedWhereNothingIsKept) {
  const PieceStore store(range, {.kept = base_, .may_keep = false, .spill = {spill_}},
                         watched_.observer());
  EXPECT_EQ(store.missing(), all_);
  EXPECT_FALSE(fs::exists(directory_ / "cache"));
  fs::create_directories(entry_);
  ASSERT_EQ(::mkfifo(map_.c_str(), 0666), 0);
  const PieceStore other(range, {.kept = base_, .may_keep = false, .spill = {spill_}},
                         watched_.observer());
  EXPECT_EQ(other.missing(), all_);
  EXPECT_THAT(watched_.warnings(), IsEmpty());
}

TEST_F(PieceStoreTest, WhatIsNoFileIsWarnedOf) {
  fs::create_directories(map_);
  const PieceStore store = open();
  EXPECT_EQ(watched_.warnings().size(), 1U);
  fs::remove(map_);
  ASSERT_EQ(::mkfifo(map_.c_str(), 0666), 0);
  PieceStore other = open();
  EXPECT_EQ(watched_.warnings().size(), 2U);
  fetch(other, all_);
  expect_whole(other);
}

TEST_F(PieceStoreTest, FileLimitOfTheSpillIsAnErrorBeforeTheFirstByte) {
  expect_in_child([&] {
    ASSERT_NE(::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    const struct rlimit limit { piece_bytes, piece_bytes };
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    const PiecePlaces places{.kept = {}, .spill = {directory_ / "missing", spill_}};
    EXPECT_FAULT(PieceStore(range, places, watched_.observer()), output_file_limit);
  });
}

TEST_F(PieceStoreTest, NoDiskHasRoomForAnExbibyte) {
  // Not what reserving says, which some file systems cannot: here that would be a file's limit.
  const Extent extent{.begin = 0, .end = 1ULL << 60U};
  const std::vector<fs::path> directories{spill_};
  EXPECT_FAULT(SpillFile(directories, std::span(&extent, 1)), output_disk_full);
}

TEST_F(PieceStoreTest, SpillLiesWhereThereIsRoom) {
  SKIP_UNLESS_ROOT();
  const fs::path small = directory_ / "small";
  fs::create_directory(small);
  expect_in_child([&] {
    ASSERT_TRUE(mount_small_disk(small, 2 * piece_bytes));
    PieceStore store(range, {.kept = {}, .spill = {small, directory_ / "missing", spill_}},
                     watched_.observer());
    fetch(store, all_);
    expect_whole(store);
  });
}

TEST_F(PieceStoreTest, NoRoomToSpillIsAnErrorBeforeTheFirstByte) {
  SKIP_UNLESS_ROOT();
  const fs::path small = directory_ / "small";
  fs::create_directory(small);
  expect_in_child([&] {
    ASSERT_TRUE(mount_small_disk(small, 2 * piece_bytes));
    const auto open_in = [&](std::vector<fs::path> spill) {
      return PieceStore(range, {.kept = {}, .spill = std::move(spill)}, watched_.observer());
    };
    EXPECT_FAULT((void)open_in({small}), output_disk_full);
    EXPECT_FAULT((void)open_in({directory_ / "missing", small}), output_disk_full);
    EXPECT_FAULT((void)open_in({directory_ / "missing"}), output_unwritable);
    try {
      (void)open_in({small, directory_ / "missing"});
    } catch (const Error& error) {
      EXPECT_THAT(error.what(),
                  AllOf(HasSubstr(small.string() + " and " + (directory_ / "missing").string()),
                        HasSubstr("7.35 MB"), HasSubstr("TMPDIR")));
    }
    EXPECT_THAT(names_in(small), IsEmpty());
  });
}

TEST_F(PieceStoreTest, SpillNeedsRoomForWhatIsNotKeptAlone) {
  SKIP_UNLESS_ROOT();
  const fs::path small = directory_ / "small";
  fs::create_directory(small);
  fill({0, 1, 2, 5, 6});
  expect_in_child([&] {
    ASSERT_TRUE(mount_small_disk(small, 2 * piece_bytes + 20'000));
    PieceStore store(range, {.kept = base_, .may_keep = false, .spill = {small}},
                     watched_.observer());
    fetch(store, store.missing());
    expect_whole(store);
  });
}

TEST_F(PieceStoreTest, SpillNeedsNoFilesWithoutNames) {
  SKIP_UNLESS_ROOT();
  // A file system that has no such files and reserves no space: that of message queues.
  expect_in_child([&] {
    if (!testing::mount_here("mqueue", spill_, "")) return;
    const Extent extent{.begin = 0, .end = 100};
    const fs::path directories[]{spill_};
    const SpillFile spill(directories, std::span(&extent, 1));
    EXPECT_THAT(names_in(spill_), IsEmpty());
  });
}

// Threads.

/// Fetches what is missing, on some threads at once.
void fetch_in_parallel(PieceStore& store) {
  std::atomic<std::size_t> next{0};
  const Pieces missing = store.missing();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::size_t piece = next++; piece < missing.size(); piece = next++) {
        fetch(store, missing[piece]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PieceStoreTest, ThreadsThatFailAtOnceWarnOnce) {
  SKIP_UNLESS_ROOT();
  fs::create_directories(entry_);
  expect_in_child([&] {
    ASSERT_TRUE(mount_small_disk(entry_, 100'000));
    PieceStore store = open();
    fetch_in_parallel(store);
    expect_whole(store);
    EXPECT_EQ(watched_.warnings().size(), 1U);
  });
}

TEST_F(PieceStoreTest, WaitEndsWhenThePiecesAreWhole) {
  PieceStore store = open();
  std::thread writer([&] {
    for (const std::size_t i : {2, 4, 3}) fetch(store, i);
  });
  const std::uint64_t begin = store.piece(2).first + 5;
  const std::uint64_t end = store.piece(4).first + 1;
  store.wait_whole(begin, end, [] {});
  EXPECT_TRUE(read(store, begin, end) == remote_bytes(begin, end));
  writer.join();
  // Up to the end of a piece, and no further.
  store.wait_whole(store.piece(2).first, store.piece(4).second, [] { FAIL(); });
}

TEST_F(PieceStoreTest, CheckEndsTheWait) {
  PieceStore store = open();
  int calls = 0;
  const auto check = [&] {
    if (++calls == 3) throw Stopped(SIGINT);
  };
  EXPECT_THROW(store.wait_whole(range.begin, range.end, check), Stopped);
}

TEST_F(PieceStoreTest, ThreadsShareAStore) {
  fill({1, 4});
  PieceStore store = open();
  std::vector<std::thread> threads;
  threads.emplace_back([&] { fetch_in_parallel(store); });
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (const std::size_t piece : store.claimed()) store.verify(piece);
    });
  }
  const std::uint64_t step = 600'000;
  for (std::uint64_t begin = range.begin; begin < range.end; begin += step) {
    const std::uint64_t end = std::min(range.end, begin + step);
    store.wait_whole(begin, end, [] {});
    EXPECT_TRUE(read(store, begin, end) == remote_bytes(begin, end)) << begin;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(locked(map_).get(), 0);
}

}  // namespace
}  // namespace gamma_extract
