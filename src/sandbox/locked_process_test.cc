// SPDX-License-Identifier: Apache-2.0
// What a helper finds of the world when it starts, and that it ends with who started it.
#include "sandbox/locked_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/cell_fixture.h"
#include "sys/file.h"
#include "sys/poll.h"
#include "sys/process.h"

namespace sandbox {
namespace {

using ::testing::HasSubstr;
using std::chrono::milliseconds;

base::Result<base::UniqueFd> OpenProbe() { return sys::OpenAt(AT_FDCWD, CELLOS_BIN_DIR "/locked_probe", O_RDONLY); }

struct Probe {
  LockedProcess process;
  std::string told;
};

LockedOptions OptionsFor(int program, std::span<const int> descriptors) {
  LockedOptions options;
  options.program = program;
  options.name = "probe";
  options.descriptors = descriptors;
  options.host_uid = geteuid() == 0 ? 0x6f000001 : geteuid();
  options.host_gid = geteuid() == 0 ? 0x6f000001 : getegid();
  return options;
}

// Starts the probe and reads its five lines.
base::Result<Probe> StartProbe(int program, bool loopback) {
  sys::PipeEnds pipe = TRY(sys::Pipe());
  const int descriptors[] = {pipe.write.get(), -1};
  LockedOptions options = OptionsFor(program, descriptors);
  options.loopback = loopback;
  Probe probe;
  probe.process = TRY(LaunchLocked(options));
  while (std::count(probe.told.begin(), probe.told.end(), '\n') < 5) {
    pollfd wait = {pipe.read.get(), POLLIN, 0};
    if (TRY(sys::Poll({&wait, 1}, milliseconds(5000))) == 0) break;
    char text[1024];
    const ssize_t count = read(pipe.read.get(), text, sizeof text);
    if (count <= 0) break;
    probe.told.append(text, static_cast<std::size_t>(count));
  }
  return probe;
}

std::string SharedNamespaces(pid_t pid) {
  std::string shared;
  for (const char* kind : {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"}) {
    struct stat theirs = {}, ours = {};
    const auto path = fmt::format("/proc/{}/ns/{}", pid, kind);
    if (stat(path.c_str(), &theirs) != 0 || stat(fmt::format("/proc/self/ns/{}", kind).c_str(), &ours) != 0 ||
        theirs.st_ino == ours.st_ino) {
      shared += kind + std::string(" ");
    }
  }
  return shared;
}

std::string LockedFacts(int program) {
  auto probe = StartProbe(program, false);
  if (!probe) return probe.error().message;
  return probe->told + "shared=" + SharedNamespaces(probe->process.pid()) + "\n";
}

void ExpectLocked(const std::string& told) {
  EXPECT_THAT(told, HasSubstr("argc=1 name=probe environment=0\n"));
  EXPECT_THAT(told, HasSubstr("uid=1000 gid=1000 groups=0 pid=1\n"));
  EXPECT_THAT(told, HasSubstr("caps=0 nnp=1 death=9 blocked=0\n"));
  EXPECT_THAT(told, HasSubstr("root= mkdir=EROFS descriptors=0,1,2,3,4,\n"));
  EXPECT_THAT(told, HasSubstr("lo=0 null=1\n"));
  EXPECT_THAT(told, HasSubstr("shared=\n"));
}

TEST(LaunchLocked, GivesAnEmptyRootNoCapabilityOwnNamespacesAndNothingButTheDescriptors) {
  const auto program = OpenProbe();
  ASSERT_TRUE(program);
  ExpectLocked(LockedFacts(program->get()));
}

TEST(LaunchLocked, GivesTheSameToAnOrdinaryUser) {
  if (geteuid() != 0) GTEST_SKIP() << "is what every other test here does";
  const auto program = OpenProbe();
  ASSERT_TRUE(program);
  ExpectLocked(testing::InChild(testing::kOrdinaryUser, [&] { return LockedFacts(program->get()); }));
}

TEST(LaunchLocked, GivesTheSameWhenTheParentForbidsTracing) {
  const auto program = OpenProbe();
  ASSERT_TRUE(program);
  ExpectLocked(testing::InChild(geteuid() == 0 ? testing::kOrdinaryUser : 0, [&] {
    if (!sys::ForbidTracing()) return std::string("could not forbid tracing");
    auto probe = StartProbe(program->get(), false);
    // The namespaces of a process can be looked at by who may trace it only.
    return probe ? probe->told + "shared=\n" : probe.error().message;
  }));
}

TEST(LaunchLocked, BringsTheLoopbackUpWhereAsked) {
  const auto program = OpenProbe();
  ASSERT_TRUE(program);
  const auto probe = StartProbe(program->get(), true);
  ASSERT_TRUE(probe) << probe.error().message;
  EXPECT_THAT(probe->told, HasSubstr("lo=1"));
}

TEST(LaunchLocked, IsKilledByTheKernelWhenItsParentIsGone) {
  const auto program = OpenProbe();
  ASSERT_TRUE(program);
  const std::string pid = testing::InChild(0, [&]() -> std::string {
    auto probe = StartProbe(program->get(), false);
    if (!probe) return probe.error().message;
    const pid_t started = probe->process.pid();
    new LockedProcess(std::move(probe->process));  // no destructor runs: _exit follows
    return std::to_string(started);
  });
  const pid_t started = atoi(pid.c_str());
  ASSERT_GT(started, 1) << pid;
  EXPECT_TRUE(testing::WaitGone(started, milliseconds(5000)));
}

TEST(LaunchLocked, LeavesNothingWhenTheProgramCannotRun) {
  const std::string before = testing::Inventory();
  const auto text = sys::OpenAt(AT_FDCWD, "/etc/passwd", O_RDONLY);
  ASSERT_TRUE(text);
  const auto process = LaunchLocked(OptionsFor(text->get(), {}));
  ASSERT_FALSE(process);
  EXPECT_THAT(process.error().message, HasSubstr("start of probe, phase exec"));
  EXPECT_EQ(process.error().os_errno, EACCES);
  close(text->get());
  EXPECT_EQ(testing::Inventory(), before);
}

TEST(StartLocked, DoesNotWaitForTheProgramAndTellsLaterHowItWent) {
  const auto program = OpenProbe();
  const auto text = sys::OpenAt(AT_FDCWD, "/etc/passwd", O_RDONLY);
  ASSERT_TRUE(program && text);
  auto runs = StartLocked(OptionsFor(program->get(), {}));
  auto fails = StartLocked(OptionsFor(text->get(), {}));
  auto killed = StartLocked(OptionsFor(program->get(), {}));
  ASSERT_TRUE(runs && fails && killed);
  EXPECT_TRUE(runs->AwaitProgram(milliseconds(5000)));
  EXPECT_TRUE(runs->AwaitProgram(milliseconds(5000)));
  const auto failed = fails->AwaitProgram(milliseconds(5000));
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("start of probe, phase exec"));
  ASSERT_TRUE(sys::PidfdSendSignal(killed->pidfd(), SIGKILL));
  ASSERT_TRUE(sys::WaitEnd(killed->pidfd(), milliseconds(5000)));
  const auto gone = killed->AwaitProgram(milliseconds(5000));
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().message, HasSubstr("start of probe: it was killed"));
}

TEST(LaunchLocked, EndKillsAndReaps) {
  const auto program = OpenProbe();
  ASSERT_TRUE(program);
  const std::string before = testing::Inventory();
  auto probe = StartProbe(program->get(), false);
  ASSERT_TRUE(probe) << probe.error().message;
  EXPECT_TRUE(probe->process.End(milliseconds(5000)));
  EXPECT_EQ(probe->process.pid(), -1);
  EXPECT_EQ(testing::Inventory(), before);
}

TEST(LaunchLocked, MapsTheCellsUserWhereRootAsksForIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root maps a second user";
  const auto program = OpenProbe();
  ASSERT_TRUE(program);
  LockedOptions options = OptionsFor(program->get(), {});
  options.seen_uid = 0x6f000000;
  const auto process = LaunchLocked(options);
  ASSERT_TRUE(process) << process.error().message;
  const auto map = sys::ReadFile(AT_FDCWD, fmt::format("/proc/{}/uid_map", process->pid()), 4096);
  ASSERT_TRUE(map);
  EXPECT_THAT(*map, HasSubstr("1001 1862270976"));
}

TEST(LaunchLocked, TakesNoMoreDescriptorsThanItCanMove) {
  const auto probe = OpenProbe();
  ASSERT_TRUE(probe) << probe.error().message;
  const std::vector<int> many(33, -1);
  const auto started = StartLocked({.program = probe->get(), .name = "probe", .descriptors = many});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, base::ErrorKind::kLimit);
}

}  // namespace
}  // namespace sandbox
