#include "no_core.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <optional>
#include <string>

#include "hub_client.h"
#include "process.h"
#include "watcher.h"

namespace gamma_extract {
namespace {

using testing::run_in_child;
using testing::Watcher;

/// As large a core as the process may leave.
rlimit allow_cores() {
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  rlimit limit{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  if (::setrlimit(RLIMIT_CORE, &limit) != 0) {
    ::getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_CORE, &limit);
  }
  return limit;
}

void make_client(const std::optional<std::string>& token) {
  const Watcher watcher;
  const HubClient client({.token = token}, "Org/Name", watcher.observer());
}

TEST(NoCoreTest, ATokenLeavesNone) {
  const auto outcome = run_in_child([] {
    allow_cores();
    make_client("hf_x");
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    if (limit.rlim_cur != 0 || limit.rlim_max != 0) return 1;
    return ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 2;
  });
  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

TEST(NoCoreTest, WithoutATokenACoreMayHelp) {
  const auto outcome = run_in_child([] {
    const rlimit allowed = allow_cores();
    make_client(std::nullopt);
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    if (limit.rlim_cur != allowed.rlim_cur) return 1;
    return ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 0 : 2;
  });
  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

TEST(NoCoreTest, AnAbortLeavesNone) {
  const testing::TemporaryDirectory directory;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(directory.path().c_str()) != 0) ::_exit(1);
    allow_cores();
    make_client("hf_x");
    std::abort();
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
  EXPECT_FALSE(WCOREDUMP(status));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

}  // namespace
}  // namespace gamma_extract
