// SPDX-License-Identifier: Apache-2.0
#include "agent_world_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <new>

namespace guest {
namespace {

using wire::ProbeSource;

// In the processes of the world: no gtest, a message and an end.
[[noreturn]] void Give(const char* what) {
  dprintf(2, "world: %s: %s\n", what, strerror(errno));
  _exit(99);
}
long Must(long result, const char* what) {
  if (result < 0) Give(what);
  return result;
}

struct Ends {
  int test = -1, world = -1;
};

Ends Pair(int type) {
  int both[2];
  EXPECT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, both), 0);
  return {both[0], both[1]};
}

int Memory(const char* name, const void* bytes, std::size_t size) {
  const int fd = memfd_create(name, MFD_CLOEXEC);
  if (bytes == nullptr) {
    EXPECT_EQ(ftruncate(fd, static_cast<off_t>(size)), 0);
  } else {
    EXPECT_EQ(write(fd, bytes, size), static_cast<ssize_t>(size));
  }
  return fd;
}

// The agent's own program: everything is allowed.
const sock_filter kAllow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};

int ConfigMemory(const WorldOptions& options) {
  wire::AgentConfig config;
  config.sources = options.sources;
  config.full = options.full;
  config.ours = options.ours;
  config.heartbeat_ms = options.heartbeat_ms;
  if (!options.watch_path.empty()) {
    config.watch_path.data = reinterpret_cast<const std::uint8_t*>(options.watch_path.c_str());
    config.watch_path.size = options.watch_path.size() + 1;
  }
  config.filter = {reinterpret_cast<const std::uint8_t*>(&kAllow), sizeof kAllow};
  std::vector<std::uint8_t> bytes(wire::EncodedSize(config));
  EXPECT_NE(wire::EncodeAgentConfig(config, bytes.data(), bytes.size()), 0u);
  return Memory("config", bytes.data(), bytes.size());
}

int ProgramMemory() {
  std::ifstream file(CELLOS_BIN_DIR "/cellos-telemetry", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  EXPECT_FALSE(bytes.empty());
  const int writable = Memory("cellos-telemetry", bytes.data(), bytes.size());
  const int readable = open(("/proc/self/fd/" + std::to_string(writable)).c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(fchmod(writable, 0111), 0);
  close(writable);
  return readable;
}

long Clone(unsigned long flags) { return syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr); }

struct World {
  WorldOptions options;
  const std::function<int(const WorldView&)>* leader;
  int program, config, page;
  Ends channel, handover;
  const volatile wire::AgentPage* mapped;
  int agent_pidfd = -1, proc = -1;
};

struct Report {
  volatile int leader_status = -1, agent_status = -1, outside = -1, flag = 0;
  volatile std::uint8_t answer = 0xff;
  volatile bool killable_wait = true;
};
Report* shared_report;  // one page shared with the world's processes

void PassListener(int handover, int listener) {
  char byte = 0;
  iovec part = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &listener, sizeof listener);
  Must(sendmsg(handover, &message, MSG_NOSIGNAL), "handover");
}

WorldView ViewOf(const World& world) {
  return {world.agent_pidfd, world.proc, world.mapped, shared_report->killable_wait, &shared_report->flag};
}

[[noreturn]] void RunLeader(const World& world) {
  bool killable_wait = true;
  const int listener = InstallListener(world.options, &killable_wait);
  if (listener < 0) Give("listener");
  shared_report->killable_wait = killable_wait;
  PassListener(world.handover.test, listener);
  std::uint8_t answer = 0xff;
  const ssize_t count = recv(world.handover.test, &answer, 1, 0);
  close(listener);
  close(world.handover.test);
  if (count == 1) shared_report->answer = answer;
  if (count != 1 || answer != wire::kAgentArmed) _exit(90);
  _exit((*world.leader)(ViewOf(world)));
}

// Inner PID 1.
[[noreturn]] void RunReaper(const World& world) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const long leader = Must(Clone(0), "leader");
  if (leader == 0) RunLeader(world);
  close(world.handover.test);
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, __WALL);
    if (pid != leader) continue;
    shared_report->leader_status = status;
    _exit(0);
  }
}

void Place(int fd, int at) { Must(dup2(fd, at), "dup2"); }

[[noreturn]] void RunAgent(const World& world, int proc) {
  // First out of the way of each other.
  int from[] = {world.config, world.channel.world, proc, world.handover.world, world.page, world.program};
  for (int& fd : from) fd = static_cast<int>(Must(fcntl(fd, F_DUPFD, 100), "dup"));
  for (int i = 0; i < 5; ++i) Place(from[i], wire::kAgentConfigFd + i);
  Must(fcntl(from[5], F_SETFD, FD_CLOEXEC), "cloexec");
  for (int fd = 0; fd < 200; ++fd) {
    const bool given = fd >= wire::kAgentConfigFd && fd < wire::kAgentFirstFreeFd;
    if (!given && fd != from[5]) close(fd);
  }
  char* const arguments[] = {const_cast<char*>("cellos-telemetry"), nullptr};
  char* const environment[] = {nullptr};
  const rlimit most = {world.options.descriptors, world.options.descriptors};
  if (world.options.descriptors != 0 && setrlimit(RLIMIT_NOFILE, &most) != 0) Give("setrlimit");
  fexecve(from[5], arguments, environment);
  Give("fexecve");
}

int DetachedProc() {
  const int context = static_cast<int>(Must(syscall(SYS_fsopen, "proc", 0), "fsopen"));
  Must(syscall(SYS_fsconfig, context, 6 /* FSCONFIG_CMD_CREATE */, nullptr, nullptr, 0), "fsconfig");
  return static_cast<int>(Must(syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */, 0), "fsmount"));
}

void SetPidMax(int proc, std::uint32_t value) {
  if (value == 0) return;
  const int fd = openat(proc, "sys/kernel/pid_max", O_WRONLY);
  Must(fd, "pid_max");
  dprintf(fd, "%u", value);
  close(fd);
}

[[noreturn]] void RunOutside(const World& world) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  close(world.handover.test);
  while (shared_report->answer != wire::kAgentArmed) usleep(1000);
  shared_report->outside = world.options.outside(ViewOf(world));
  _exit(0);
}

// Outer PID 1.
[[noreturn]] void RunOuter(World& world) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  close(world.channel.test);
  world.proc = DetachedProc();
  SetPidMax(world.proc, world.options.pid_max);
  const long agent = Must(Clone(0), "agent");
  if (agent == 0) RunAgent(world, world.proc);
  world.agent_pidfd = static_cast<int>(Must(syscall(SYS_pidfd_open, agent, 0), "pidfd"));
  close(world.handover.world);
  close(world.channel.world);
  if (world.options.outside && Must(Clone(0), "outside") == 0) RunOutside(world);
  const long reaper = Must(Clone(CLONE_NEWPID), "reaper");
  if (reaper == 0) RunReaper(world);
  close(world.handover.test);
  bool reaper_lives = true;
  for (int left = 2; left > 0;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0 && errno == ECHILD) break;
    if (pid == agent) {
      shared_report->agent_status = status;
      --left;
      if (WIFSIGNALED(status) && reaper_lives) kill(static_cast<pid_t>(reaper), SIGKILL);
    }
    if (pid == reaper) {
      reaper_lives = false;
      --left;
    }
  }
  _exit(0);
}

void Drain(int channel, WorldOutcome* outcome) {
  wire::FrameReader reader;
  std::uint8_t bytes[65536];
  for (;;) {
    const ssize_t count = read(channel, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    const std::uint8_t* at = bytes;
    auto size = static_cast<std::size_t>(count);
    for (;;) {
      const auto step = reader.Next(&at, &size);
      if (step.kind == wire::FrameReader::Kind::kNeedMore) break;
      wire::TelemetryFrame frame;
      if (step.kind == wire::FrameReader::Kind::kLost ||
          wire::DecodeHostFrame(step.body, step.length, true, &frame) != wire::HostFrameFault::kNone) {
        outcome->aligned = false;
        if (step.kind == wire::FrameReader::Kind::kLost) return;
        continue;
      }
      outcome->frames.push_back(frame);
    }
  }
  if (reader.AtEnd() != wire::HostFrameFault::kNone) outcome->aligned = false;
}

}  // namespace

void WorldView::AwaitFlag() const {
  while (*flag == 0) usleep(1000);
}

std::vector<wire::TelemetryFrame> WorldOutcome::Of(ProbeSource source) const {
  std::vector<wire::TelemetryFrame> some;
  for (const auto& frame : frames) {
    if (frame.source == source) some.push_back(frame);
  }
  return some;
}

std::size_t WorldOutcome::Count(ProbeSource source) const { return Of(source).size(); }

std::size_t WorldOutcome::Count(ProbeSource source, const std::string& comm) const {
  std::size_t count = 0;
  for (const auto& frame : Of(source)) count += comm == std::string(frame.comm, frame.comm_size);
  return count;
}

std::string WorldOutcome::Unpaired() const {
  std::map<std::uint32_t, int> alive;
  for (const auto& frame : frames) {
    int& now = alive[frame.guest_pid];
    if (frame.source == ProbeSource::kProcessSpawned) ++now;
    if (frame.source != ProbeSource::kProcessExited) continue;
    if (now < 1) return "exit without spawn: " + std::to_string(frame.guest_pid);
    now = 0;
  }
  for (const auto& [pid, now] : alive) {
    if (now != 0) return "spawn without exit: " + std::to_string(pid);
  }
  return "";
}

WorldOutcome RunWorld(const WorldOptions& options, const std::function<int(const WorldView&)>& leader) {
  World world;
  world.options = options;
  world.leader = &leader;
  world.program = ProgramMemory();
  world.config = ConfigMemory(options);
  world.page = Memory("page", nullptr, 4096);
  world.channel = Pair(SOCK_STREAM);
  const int least = 1;
  if (options.small_channel) setsockopt(world.channel.world, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
  world.handover = Pair(SOCK_SEQPACKET);
  world.mapped = static_cast<wire::AgentPage*>(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, world.page, 0));
  shared_report = new (mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Report;
  fflush(nullptr);
  const unsigned long user = geteuid() == 0 ? 0 : CLONE_NEWUSER;
  const long outer = Clone(user | CLONE_NEWPID | CLONE_NEWNS);
  WorldOutcome outcome;
  if (outer == 0) RunOuter(world);
  EXPECT_GT(outer, 0) << strerror(errno);
  for (const int fd : {world.channel.world, world.handover.test, world.handover.world, world.program, world.config}) {
    close(fd);
  }
  if (outer > 0) {
    if (!options.read_channel) {
      siginfo_t end = {};
      while (shared_report->leader_status == -1 && end.si_pid == 0) {
        usleep(1000);
        waitid(P_PID, static_cast<id_t>(outer), &end, WEXITED | WNOHANG | WNOWAIT);
      }
    }
    Drain(world.channel.test, &outcome);
    int status = 0;
    waitpid(static_cast<pid_t>(outer), &status, 0);
    EXPECT_EQ(status, 0);
  }
  outcome.leader_status = shared_report->leader_status;
  outcome.agent_status = shared_report->agent_status;
  outcome.answer = shared_report->answer;
  outcome.outside = shared_report->outside;
  outcome.page = *const_cast<const wire::AgentPage*>(world.mapped);
  munmap(const_cast<wire::AgentPage*>(world.mapped), 4096);
  munmap(shared_report, 4096);
  for (const int fd : {world.channel.test, world.page}) close(fd);
  return outcome;
}

std::string WhyNoWorld() {
  static const std::string why = [] {
    const unsigned long user = geteuid() == 0 ? 0 : CLONE_NEWUSER;
    const long child = Clone(user | CLONE_NEWPID | CLONE_NEWNS);
    if (child == 0) {
      const long context = syscall(SYS_fsopen, "proc", 0);
      _exit(context < 0 || syscall(SYS_fsconfig, context, 6, nullptr, nullptr, 0) < 0 ? 1 : 0);
    }
    if (child < 0) return std::string("no pid namespace of its own here: ") + strerror(errno);
    int status = 0;
    waitpid(static_cast<pid_t>(child), &status, 0);
    return std::string(status == 0 ? "" : "no procfs can be made here");
  }();
  return why;
}

}  // namespace guest
