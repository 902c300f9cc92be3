// SPDX-License-Identifier: Apache-2.0
// What names may reach inside the state directory, and who may ask a supervisor to stop.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "cell/state/control_socket.h"
#include "cell/state/live_entry.h"
#include "cell/state/state_dir.h"
#include "sys/socket.h"

namespace cell {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class StateBounds : public testing::Test {
 protected:
  StateBounds() : top_(::mkdtemp(name_)), state_(StateDir::Open(top_ + "/state", OpenMode::kCreate).value()) {}
  ~StateBounds() override { fs::remove_all(top_); }

  char name_[40] = "/tmp/cellos-state-bounds-XXXXXX";
  std::string top_;
  StateDir state_;
};

TEST_F(StateBounds, NoPathPassesForARunId) {
  fs::create_directory(state_.path() + "/there");
  for (const auto* id : {"../there", "..", ".", "", "a/b"}) {
    const auto opened = state_.OpenRun(id);
    EXPECT_TRUE(!opened && opened.error().kind == base::ErrorKind::kInvalid) << id;
  }
  const auto made = state_.CreateRun("../made");
  EXPECT_TRUE(!made && made.error().kind == base::ErrorKind::kInvalid);
  const auto entry = LiveEntry::Create(state_, "../made");
  EXPECT_TRUE(!entry && entry.error().kind == base::ErrorKind::kInvalid);
  EXPECT_FALSE(fs::exists(state_.path() + "/made"));
  EXPECT_FALSE(RequestStop(state_, "../there", std::chrono::milliseconds(0)));
}

TEST_F(StateBounds, ALockedDirectoryElsewhereIsNoLivingCell) {
  fs::create_directory(state_.path() + "/there");
  const base::UniqueFd holder(::open((state_.path() + "/there").c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_EQ(::flock(holder.get(), LOCK_EX), 0);
  EXPECT_FALSE(state_.IsLive("../there"));
}

TEST_F(StateBounds, OnlyRunIdsAreListed) {
  ASSERT_TRUE(state_.CreateRun("a-run"));
  fs::create_directory(state_.path() + "/runs/.hidden");
  fs::create_directory(state_.path() + "/runs/with space");
  EXPECT_THAT(state_.ListRuns().value(), ElementsAre("a-run"));
}

// The kernel reads a path to its first NUL, and an empty one would be the working directory.
TEST_F(StateBounds, TheDirectoryIsTheOneThatIsNamed) {
  for (const auto& path : {std::string(), state_.path() + std::string("\0/other", 7)}) {
    const auto opened = StateDir::Open(path, OpenMode::kExisting);
    EXPECT_TRUE(!opened && opened.error().kind == base::ErrorKind::kInvalid) << path.size();
  }
}

TEST_F(StateBounds, RoomsThatOthersCanWriteAreRefused) {
  for (const auto* room : {"/runs", "/live"}) {
    ASSERT_EQ(::chmod((state_.path() + room).c_str(), 0770), 0);
    const auto opened = StateDir::Open(state_.path(), OpenMode::kExisting);
    EXPECT_TRUE(!opened && opened.error().kind == base::ErrorKind::kDenied) << room;
    ASSERT_EQ(::chmod((state_.path() + room).c_str(), 0700), 0);
  }
  EXPECT_TRUE(StateDir::Open(state_.path(), OpenMode::kExisting));
}

TEST_F(StateBounds, AnotherUserWhoReachesTheControlSocketStopsNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to connect as another user";
  const auto entry = LiveEntry::Create(state_, "r");
  ASSERT_TRUE(entry);
  auto control = ControlSocket::Listen(*entry);
  ASSERT_TRUE(control);
  const auto connect_as = [&](uid_t uid) {
    const pid_t child = ::fork();
    if (child == 0) {
      // Root's access to the files stays: what is tried is the check behind the mode.
      if (::seteuid(uid) != 0) ::_exit(2);
      ::setfsuid(0);
      ::_exit(sys::ConnectUnix(entry->directory(), "control") ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  };
  ASSERT_EQ(connect_as(12345), 0);
  const auto foreign = control->Accept();
  ASSERT_TRUE(foreign);
  EXPECT_FALSE(*foreign);
  ASSERT_EQ(connect_as(0), 0);
  const auto own = control->Accept();
  ASSERT_TRUE(own);
  EXPECT_TRUE(*own);
}

}  // namespace
}  // namespace cell
