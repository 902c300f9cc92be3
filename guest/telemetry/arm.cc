// SPDX-License-Identifier: Apache-2.0
// The agent's start. What fails is told to the leader, so that the start of the cell fails with its reason.
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "agent.h"
#include "guest/kernel.h"
#include "proc_files.h"

namespace guest {
namespace {

constexpr uint32_t kWatched = IN_MODIFY | IN_CREATE | IN_DELETE | IN_ATTRIB;
static_assert(kWatched == 0x306);
constexpr unsigned long kSetFlags = 0x40082104;  // SECCOMP_IOCTL_NOTIF_SET_FLAGS
constexpr unsigned long kSyncWakeUp = 1;         // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
constexpr long kPollNs = wire::kAgentBeatMs * 800'000L;

// Negative errno, or a mapping.
long MapFile(int fd, size_t size, int protection, int flags) {
  return Sys(SYS_mmap, nullptr, size, protection, flags, fd, 0);
}
bool Failed(long result) { return result < 0 && result > -4096; }

long LoadConfig(wire::AgentConfig* config) {
  struct stat status = {};
  const long result = Sys(SYS_fstat, wire::kAgentConfigFd, &status);
  if (result < 0) return result;
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0 || size > wire::kMaxAgentConfigBytes) return -EFBIG;
  const long memory = MapFile(wire::kAgentConfigFd, size, PROT_READ, MAP_PRIVATE);
  if (Failed(memory)) return memory;
  const auto fault = wire::DecodeAgentConfig({reinterpret_cast<const uint8_t*>(memory), size}, config);
  Sys(SYS_close, wire::kAgentConfigFd);
  return fault == wire::AgentConfigFault::kNone ? 0 : -EBADMSG;
}

long MapPage(Agent* agent) {
  const long memory = MapFile(wire::kAgentPageFd, sizeof(wire::AgentPage), PROT_READ | PROT_WRITE, MAP_SHARED);
  if (Failed(memory)) return memory;
  agent->page = reinterpret_cast<wire::AgentPage*>(memory);
  Sys(SYS_close, wire::kAgentPageFd);
  Beat(agent->page);
  return 0;
}

long Open(const char* path, int flags, int* fd) {
  const long result = Sys(SYS_openat, wire::kAgentProcFd, path, flags | O_RDONLY | O_CLOEXEC, 0);
  *fd = static_cast<int>(result);
  return result;
}

long OpenProc(Agent* agent, int most_descriptors) {
  proc::Files files;
  files.most = most_descriptors;
  long result = Open("loadavg", 0, &files.loadavg);
  if (result >= 0) result = Open("stat", 0, &files.stat);
  if (result >= 0) result = Open("sys/kernel/pid_max", 0, &files.pid_max);
  if (result >= 0) result = Open(".", O_DIRECTORY, &files.directory);
  if (result >= 0) result = Sys(SYS_epoll_create1, EPOLL_CLOEXEC);
  if (result < 0) return result;
  agent->epoll = files.epoll = static_cast<int>(result);
  proc::Use(files);
  return 0;
}

long WatchPath(Agent* agent) {
  if (agent->config.watch_path.size == 0) return 0;
  const long fd = Sys(SYS_inotify_init1, IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return fd;
  agent->inotify = static_cast<int>(fd);
  return Sys(SYS_inotify_add_watch, fd, agent->config.watch_path.data, kWatched);
}

// A descriptor for each process that may live at once, where the limit allows it. How many there may be.
int RaiseDescriptors() {
  constexpr uint64_t kMost = 1u << 20;
  uint64_t limit[2] = {};
  if (Sys(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, limit) < 0) return 0;
  const uint64_t raised[2] = {limit[1], limit[1]};
  if (Sys(SYS_prlimit64, 0, RLIMIT_NOFILE, raised, nullptr) >= 0) limit[0] = limit[1];
  return static_cast<int>(limit[0] < kMost ? limit[0] : kMost);
}

// The listener that the leader passes; beats while it waits, for the rest of the start may take its time.
long ReceiveListener(Agent* agent) {
  pollfd watched = {wire::kAgentHandoverFd, POLLIN, 0};
  const timespec pause = {0, kPollNs};
  while (Sys(SYS_ppoll, &watched, 1, &pause, nullptr, 0) <= 0) Beat(agent->page);
  uint8_t byte = 0;
  iovec part = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const long count = Sys(SYS_recvmsg, wire::kAgentHandoverFd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (count <= 0) Exit(wire::kAgentExitFailed);  // the leader is gone
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) {
    return -EBADMSG;
  }
  agent->listener = *reinterpret_cast<const int*>(CMSG_DATA(header));
  return 0;
}

long Lock(const wire::AgentConfig& config) {
  long result = Sys(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (result >= 0) result = Sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (result < 0) return result;
  const sock_fprog program = {static_cast<unsigned short>(config.filter.size / sizeof(sock_filter)),
                              reinterpret_cast<sock_filter*>(const_cast<uint8_t*>(config.filter.data))};
  return Sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

long Prepare(Agent* agent, int most_descriptors) {
  long result = LoadConfig(&agent->config);
  if (result >= 0) result = OpenProc(agent, most_descriptors);
  return result;
}

}  // namespace

void Beat(wire::AgentPage* page) { __atomic_store_n(&page->beat, page->beat + 1, __ATOMIC_RELAXED); }

uint64_t MonotonicNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);  // most kernels answer it without being called
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void Arm(Agent* agent) {
  const uint64_t all = ~0ull;
  Sys(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, nullptr, sizeof all);
  Sys(SYS_prctl, PR_SET_NAME, "cellos-telemetry", 0, 0, 0);
  agent->self = static_cast<uint32_t>(Sys(SYS_getpid));
  if (MapPage(agent) < 0) Exit(wire::kAgentExitFailed);
  const int most_descriptors = RaiseDescriptors();
  long result = Prepare(agent, most_descriptors);
  const long received = ReceiveListener(agent);
  if (result >= 0) result = received;
  if (result >= 0) result = WatchPath(agent);  // the leader waits, so this is the cell's own root by now
  if (result >= 0) {
    Sys(SYS_ioctl, agent->listener, kSetFlags, kSyncWakeUp);  // before 6.6 there is none
    result = Lock(agent->config);
  }
  if (result >= 0) return;
  const auto error = static_cast<uint8_t>(-result < 255 ? -result : 255);
  Sys(SYS_sendto, wire::kAgentHandoverFd, &error, 1, MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
  // The leader reports the reason; the end of the agent, which has none, must not overtake it.
  pollfd leader = {wire::kAgentHandoverFd, 0, 0};
  const timespec most = {1, 0};
  Sys(SYS_ppoll, &leader, 1, &most, nullptr, 0);
  Exit(wire::kAgentExitFailed);
}

}  // namespace guest
