// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cell/state/control_socket.h"
#include "cell/state/live_entry.h"
#include "cell/state/run_id.h"
#include "cell/state/state_dir.h"
#include "cell/state/uid_slot.h"
#include "sys/file.h"
#include "sys/poll.h"

namespace cell {
namespace {

class State : public testing::Test {
 protected:
  State() { top_ = ::mkdtemp(name_); }
  ~State() override { std::filesystem::remove_all(top_); }
  StateDir Open() {
    auto state = StateDir::Open(top_ + "/a/state", OpenMode::kCreate);
    EXPECT_TRUE(state) << state.error().message;
    return std::move(*state);
  }
  char name_[32] = "/tmp/cellos-state-XXXXXX";
  std::string top_;
};

TEST_F(State, IsMadePrivateToItsOwner) {
  const mode_t old = ::umask(0);
  const auto state = Open();
  ::umask(old);
  for (const auto* part : {"", "/runs", "/live"}) {
    struct stat status = {};
    ASSERT_EQ(::stat((state.path() + part).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700u) << part;
  }
}

TEST_F(State, ThatOthersCanWriteIsRefused) {
  Open();
  ASSERT_EQ(::chmod((top_ + "/a/state").c_str(), 0770), 0);
  const auto state = StateDir::Open(top_ + "/a/state", OpenMode::kCreate);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().kind, base::ErrorKind::kDenied);
}

TEST_F(State, OfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make a directory of another user";
  Open();
  ASSERT_EQ(::chown((top_ + "/a/state/live").c_str(), 12345, 12345), 0);
  EXPECT_FALSE(StateDir::Open(top_ + "/a/state", OpenMode::kCreate));
}

TEST_F(State, WithALinkInPlaceOfARoomIsRefused) {
  Open();
  std::filesystem::remove(top_ + "/a/state/runs");
  std::filesystem::create_directory(top_ + "/elsewhere");
  std::filesystem::create_symlink(top_ + "/elsewhere", top_ + "/a/state/runs");
  EXPECT_FALSE(StateDir::Open(top_ + "/a/state", OpenMode::kCreate));
}

TEST_F(State, ThatDoesNotExistIsNotMadeByReaders) {
  const auto state = StateDir::Open(top_ + "/none", OpenMode::kExisting);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().kind, base::ErrorKind::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(top_ + "/none"));
}

TEST_F(State, NeverGivesOneRunDirectoryTwice) {
  const auto state = Open();
  ASSERT_TRUE(state.CreateRun("r1"));
  const auto again = state.CreateRun("r1");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, base::ErrorKind::kExists);
  EXPECT_EQ(state.ListRuns().value(), std::vector<std::string>{"r1"});
  EXPECT_TRUE(state.OpenRun("r1"));
  EXPECT_EQ(state.OpenRun("r2").error().kind, base::ErrorKind::kNotFound);
}

TEST(RunId, IsOneSafeFileName) {
  for (const auto* good : {"a", "A.b_c-d", "0", "run-local-001"}) EXPECT_TRUE(IsRunId(good)) << good;
  EXPECT_TRUE(IsRunId(std::string(128, 'x')));
  for (const auto* bad : {"", ".", "..", "-rf", "a/b", "a b", ".hidden", "_x", "a\n", "ä"}) EXPECT_FALSE(IsRunId(bad)) << bad;
  EXPECT_FALSE(IsRunId(std::string(129, 'x')));
}

TEST(RunId, HoldsSpecTimeAndEightRandomDigits) {
  const base::WallTime time{std::chrono::milliseconds(1767323045678)};  // 2026-01-02T03:04:05.678Z
  EXPECT_EQ(MakeRunId("cell", time, 0x0a0b0c0d), "cell-20260102T030405-0a0b0c0d");
  const auto longest = MakeRunId(std::string(128, 'x'), time, 0);
  EXPECT_EQ(longest, std::string(96, 'x') + "-20260102T030405-00000000");
  EXPECT_TRUE(IsRunId(longest));
}

TEST(StatePath, FollowsTheUser) {
  std::map<std::string, std::string> variables = {{"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}};
  const auto environment = [&](const char* name) {
    return variables.contains(name) ? variables[name].c_str() : nullptr;
  };
  EXPECT_EQ(DefaultStatePath(0, environment).value(), "/var/lib/cellos");
  EXPECT_EQ(DefaultStatePath(5, environment).value(), "/x/cellos");
  EXPECT_EQ(UsualStatePaths(environment),
            (std::vector<std::string>{"/x/cellos", "/h/.local/state/cellos", "/var/lib/cellos"}));
  variables["XDG_STATE_HOME"] = "relative";
  EXPECT_EQ(DefaultStatePath(5, environment).value(), "/h/.local/state/cellos");
  variables.clear();
  EXPECT_FALSE(DefaultStatePath(5, environment));
  EXPECT_EQ(UsualStatePaths(environment), std::vector<std::string>{"/var/lib/cellos"});
}

TEST_F(State, LiveEntryBelongsToOneSupervisor) {
  const auto state = Open();
  auto entry = LiveEntry::Create(state, "r");
  ASSERT_TRUE(entry) << entry.error().message;
  EXPECT_TRUE(state.IsLive("r"));
  const auto second = LiveEntry::Create(state, "r");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, base::ErrorKind::kExists);
  ASSERT_TRUE(entry->Remove());
  EXPECT_FALSE(state.IsLive("r"));
  EXPECT_TRUE(std::filesystem::is_empty(state.path() + "/live"));
}

TEST_F(State, LiveEntryGoesWithItsOwnerUnlessLeftForTheCollector) {
  const auto state = Open();
  { const auto entry = LiveEntry::Create(state, "gone"); }
  {
    auto entry = LiveEntry::Create(state, "kept");
    entry->LeaveForCollector();
  }
  EXPECT_FALSE(std::filesystem::exists(state.path() + "/live/gone"));
  EXPECT_TRUE(std::filesystem::exists(state.path() + "/live/kept/anchor"));
  EXPECT_FALSE(state.IsLive("kept"));
}

TEST_F(State, AnchorTellsAllThatWasNoted) {
  const auto state = Open();
  auto entry = LiveEntry::Create(state, "r");
  ASSERT_TRUE(entry->NoteRunDirectory("/state/runs/r"));
  ASSERT_TRUE(entry->NoteCgroup({"/sys/fs/cgroup/a \"b\"", "/c"}));
  ASSERT_TRUE(entry->NoteProcess(::getpid()));
  ASSERT_TRUE(entry->NoteUidSlot(7));
  const auto anchor = ReadAnchor(entry->directory());
  ASSERT_TRUE(anchor);
  EXPECT_EQ(anchor->supervisor.pid, ::getpid());
  EXPECT_NE(anchor->supervisor.start_time, 0u);
  EXPECT_EQ(anchor->boot_id.size(), 36u);
  ASSERT_EQ(anchor->processes.size(), 1u);
  EXPECT_EQ(anchor->processes[0].pid, ::getpid());
  EXPECT_EQ(anchor->cgroup_paths, (std::vector<std::string>{"/sys/fs/cgroup/a \"b\"", "/c"}));
  EXPECT_EQ(anchor->uid_slot, 7u);
  EXPECT_EQ(anchor->run_directory, "/state/runs/r");
}

TEST_F(State, AnchorWithATornLineGivesTheWholeOnes) {
  const auto state = Open();
  auto entry = LiveEntry::Create(state, "r");
  ASSERT_TRUE(entry->NoteUidSlot(7));
  std::ofstream(state.path() + "/live/r/anchor", std::ios::app) << "garbage\n{\"uidSlot\":9";
  EXPECT_EQ(ReadAnchor(entry->directory())->uid_slot, 7u);
}

TEST_F(State, StopIsAskedThroughPathsOfAnyLength) {
  const auto state = StateDir::Open(top_ + "/" + std::string(150, 'd') + "/" + std::string(150, 'e'), OpenMode::kCreate);
  ASSERT_TRUE(state) << state.error().message;
  auto entry = LiveEntry::Create(*state, "r");
  auto socket = ControlSocket::Listen(*entry);
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_FALSE(socket->Accept()->has_value());
  base::Result<StopResult> result;
  std::thread asker([&] { result = RequestStop(*state, "r", std::chrono::seconds(5)); });
  pollfd ready{socket->fd(), POLLIN, 0};
  ASSERT_EQ(sys::Poll({&ready, 1}, std::chrono::seconds(5)).value(), 1);
  const auto request = socket->Accept();
  ASSERT_TRUE(request && *request);
  EXPECT_EQ((*request)->uid, ::geteuid());
  ASSERT_TRUE(entry->Remove());
  asker.join();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(*result, StopResult::kEnded);
}

TEST_F(State, StopOfARunThatBeginsIsAskedOnceItCanBe) {
  const auto state = Open();
  auto entry = LiveEntry::Create(state, "r");
  base::Result<StopResult> result;
  std::thread asker([&] { result = RequestStop(state, "r", std::chrono::seconds(10)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  auto socket = ControlSocket::Listen(*entry);
  pollfd ready{socket->fd(), POLLIN, 0};
  EXPECT_EQ(sys::Poll({&ready, 1}, std::chrono::seconds(5)).value(), 1);
  ASSERT_TRUE(entry->Remove());
  asker.join();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(*result, StopResult::kEnded);
}

TEST_F(State, StopOfARunThatHasNoSocketFailsAtTheDeadlineAndSaysWhy) {
  const auto state = Open();
  auto entry = LiveEntry::Create(state, "r");
  const auto result = RequestStop(state, "r", std::chrono::milliseconds(30));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().os_errno, ENOENT);
}

TEST_F(State, StopOfADeadSupervisorWhoseEntryIsHeldSaysSoAtOnce) {
  const auto state = Open();
  auto entry = LiveEntry::Create(state, "r");
  const auto stop = [&](pid_t pid, std::uint64_t start) {
    std::ofstream(state.path() + "/live/r/anchor", std::ios::app)
        << "{\"supervisor\":{\"pid\":" << pid << ",\"start\":" << start << "}}\n";
    const auto before = std::chrono::steady_clock::now();
    const auto result = RequestStop(state, "r", std::chrono::seconds(20));
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(10));
    return result ? std::string() : result.error().message;
  };
  EXPECT_NE(stop(::getpid(), 1).find("is gone"), std::string::npos) << "another process has its number";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const auto start = IdentityOf(child)->start_time;
  EXPECT_NE(stop(child, start).find("is gone"), std::string::npos) << "it ended and was not waited for";
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_NE(stop(child, start).find("is gone"), std::string::npos);
}

TEST_F(State, StopOfARunThatIsNotThereSaysSo) {
  const auto state = Open();
  EXPECT_EQ(RequestStop(state, "r", std::chrono::seconds(1)).value(), StopResult::kNotLive);
  auto entry = LiveEntry::Create(state, "r");
  entry->LeaveForCollector();
  entry = LiveEntry::Create(state, "other");
  EXPECT_EQ(RequestStop(state, "r", std::chrono::seconds(1)).value(), StopResult::kNotLive);
  EXPECT_FALSE(RequestStop(state, "../r", std::chrono::seconds(1)));
}

TEST_F(State, StopOfASupervisorThatHangsEndsAtTheDeadline) {
  const auto state = Open();
  auto entry = LiveEntry::Create(state, "r");
  auto socket = ControlSocket::Listen(*entry);
  const auto result = RequestStop(state, "r", std::chrono::milliseconds(30));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, base::ErrorKind::kDeadline);
}

TEST_F(State, NoUidSlotReachesTheHostsRoot) {
  const auto slots = top_ + "/uid";
  for (const std::uint32_t base : {0u, UINT32_MAX, UINT32_MAX - 3, UINT32_MAX - 4 * kMaxUidSlots + 1}) {
    EXPECT_FALSE(UidSlot::Acquire(base, slots)) << base;
  }
  EXPECT_TRUE(UidSlot::Acquire(UINT32_MAX - 4 * kMaxUidSlots, slots));
}

TEST_F(State, UidSlotsAreHeldOnce) {
  const auto slots = top_ + "/uid";
  auto first = UidSlot::Acquire(1000, slots);
  auto second = UidSlot::Acquire(1000, slots);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->cell_id(), 1000u);
  EXPECT_EQ(second->cell_id(), 1004u);
  first = UidSlot::Acquire(1000, slots);  // takes 2, then releases 0
  EXPECT_EQ(first->slot(), 2u);
  EXPECT_EQ(UidSlot::Acquire(1000, slots)->slot(), 0u);
}

TEST_F(State, UidSlotOfALivingCellIsNotGivenAwayWithItsSupervisorDead) {
  const auto slots = top_ + "/uid";
  const pid_t cell = ::fork();
  if (cell == 0) {
    ::pause();
    ::_exit(0);
  }
  { ASSERT_TRUE(UidSlot::Acquire(1000, slots)->NoteHolder(cell)); }
  EXPECT_EQ(UidSlot::Acquire(1000, slots)->slot(), 1u);
  ::kill(cell, SIGKILL);
  ::waitpid(cell, nullptr, 0);
  EXPECT_EQ(UidSlot::Acquire(1000, slots)->slot(), 0u);
}

}  // namespace
}  // namespace cell
