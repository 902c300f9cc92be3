// SPDX-License-Identifier: Apache-2.0
// The leader's side of the barrier: what no honest supervisor sends ends it before its program runs.
#include <dirent.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "sandbox/cell_fixture.h"
#include "sandbox/launch.h"
#include "wire/init_report.h"

namespace sandbox {
namespace {

constexpr int kRan = 7, kGaveUp = 125;

std::set<int> StreamSockets() {
  std::set<int> found;
  DIR* directory = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM) found.insert(fd);
  }
  closedir(directory);
  return found;
}

bool Send(int fd, const void* bytes, std::size_t size) {
  for (const char* at = static_cast<const char*>(bytes); size > 0;) {
    const ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;  // the leader has ended
    at += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

// How the leader ends that gets this through its barrier, and then the end of the stream.
int EndAfter(wire::BarrierHeader header, std::string_view texts) {
  const plan::Plan plan = testing::PlanFor({"sh", "-c", "exit 7"});
  const std::set<int> before = StreamSockets();
  auto cell = Cell::Launch(testing::OptionsFor(plan, {}));
  EXPECT_TRUE(cell);
  if (!cell) return -1;
  int barrier = -1;
  for (const int fd : StreamSockets()) {
    if (!before.contains(fd)) barrier = fd;
  }
  if (Send(barrier, &header, sizeof header) && Send(barrier, texts.data(), texts.size())) shutdown(barrier, SHUT_WR);
  for (pollfd wait{cell->event_fd(), POLLIN, 0}; poll(&wait, 1, 10'000) == 1;) {
    const auto event = cell->ReadEvent();
    if (!event) break;
    if (*event && (*event)->kind == CellEventKind::kWorkloadEnded) return (*event)->end.exit_code;
  }
  return -2;  // neither ran nor ended
}

TEST(Barrier, OpensForWhatAnHonestSupervisorSends) {
  EXPECT_EQ(EndAfter({}, ""), kRan);
  EXPECT_EQ(EndAfter({.count = 2, .bytes = 8}, std::string_view("A=b\0C=d\0", 8)), kRan);
}

TEST(Barrier, StaysShutForMoreThanItsBounds) {
  std::string many, large;
  for (std::uint32_t i = 0; i <= wire::kMaxBarrierTexts; ++i) many.append("A=b\0", 4);
  EXPECT_EQ(EndAfter({.count = wire::kMaxBarrierTexts + 1, .bytes = static_cast<std::uint32_t>(many.size())}, many), kGaveUp);
  for (std::uint32_t i = 0; i < wire::kMaxBarrierTexts; ++i) large.append(4096, 'x').push_back('\0');
  EXPECT_EQ(EndAfter({.count = wire::kMaxBarrierTexts, .bytes = static_cast<std::uint32_t>(large.size())}, large), kGaveUp);
}

TEST(Barrier, StaysShutForTextsThatAreNotAsManyAsTold) {
  EXPECT_EQ(EndAfter({.count = 2, .bytes = 4}, std::string_view("A=b\0", 4)), kGaveUp);
  EXPECT_EQ(EndAfter({.count = 1, .bytes = 4}, std::string_view("A\0=b", 4)), kGaveUp) << "the last has no end";
}

TEST(Barrier, StaysShutForASupervisorThatBreaksOff) {
  EXPECT_EQ(EndAfter({.count = 1, .bytes = 8}, std::string_view("A=b\0", 4)), kGaveUp);
}

}  // namespace
}  // namespace sandbox
