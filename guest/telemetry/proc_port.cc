// SPDX-License-Identifier: Apache-2.0
// The kernel's answers: a procfs of the outer pid namespace that is mounted nowhere, and descriptors of processes.
#include "proc_port.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <time.h>

#include "guest/kernel.h"
#include "proc_files.h"
#include "wire/agent_config.h"

namespace guest::proc {
namespace {

constexpr uint32_t kGetInfo = 0xc040ff0b;  // PIDFD_GET_INFO of struct pidfd_info's first size
constexpr uint64_t kInfoExit = 1u << 3;    // PIDFD_INFO_EXIT
struct PidfdInfo {
  uint64_t mask, cgroup;
  uint32_t pid, tgid, ppid, ids[8];
  int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);

// More are never open at once beside the descriptors of processes. Without them the agent would see nobody.
constexpr int kSpareDescriptors = 16;

struct Entry {  // linux_dirent64
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
  char name[];
};

Files files;
alignas(8) char entries[8192];
size_t entries_at, entries_end;

// "<number>/<name>" below the procfs, read once.
size_t ReadOf(uint32_t number, const char* name, char* text, size_t size) {
  char path[32];
  char* at = path + 11;
  char* end = at;
  *end++ = '/';
  while (*name != 0) *end++ = *name++;
  *end = 0;
  do {
    *--at = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  const long fd = Sys(SYS_openat, wire::kAgentProcFd, at, O_RDONLY | O_CLOEXEC, 0);
  // Who can't look must not take everybody for gone: then the cell ends.
  if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM) Exit(wire::kAgentExitFailed);
  if (fd < 0) return 0;
  const long count = Sys(SYS_read, fd, text, size);
  Sys(SYS_close, fd);
  return count < 0 ? 0 : static_cast<size_t>(count);
}

size_t ReadAt(int fd, char* text, size_t size, uint64_t offset) {
  const long count = Sys(SYS_pread64, fd, text, size, offset);
  return count < 0 ? 0 : static_cast<size_t>(count);
}

Sight LookAtStatus(uint32_t number) {
  const uint32_t group = ThreadGroup(number);
  if (group == 0) return Sight::kGone;
  return group == number ? Sight::kProcess : Sight::kThread;
}

}  // namespace

void Use(const Files& opened) { files = opened; }

Sight Look(uint32_t number, int* pidfd) {
  if (pidfd != nullptr) *pidfd = 0;
  const long fd = Sys(SYS_pidfd_open, number, 0);
  if (fd == -ESRCH) return Sight::kGone;
  if (fd == -ENOENT) return Sight::kThread;
  if (fd < 0) return LookAtStatus(number);  // older kernels say EINVAL of threads and of bare group numbers
  if (pidfd != nullptr && fd + kSpareDescriptors < files.most) {
    *pidfd = static_cast<int>(fd);
  } else {
    Sys(SYS_close, fd);
  }
  return Sight::kProcess;
}

bool ReadStat(uint32_t number, ProcessStat* stat) {
  char text[1536];
  return ParseStat(text, ReadOf(number, "stat", text, sizeof text), stat);
}

void ReadComm(uint32_t number, Comm* comm) {
  char text[32];
  size_t size = ReadOf(number, "comm", text, sizeof text);
  if (size == 0) return;
  if (text[size - 1] == '\n') --size;
  if (size > sizeof comm->bytes) size = sizeof comm->bytes;
  comm->size = static_cast<uint8_t>(size);
  for (size_t i = 0; i < size; ++i) comm->bytes[i] = text[i];
}

uint32_t ThreadGroup(uint32_t number) {
  char text[512];
  return ParseThreadGroup(text, ReadOf(number, "status", text, sizeof text));
}

uint32_t Cursor() {
  char text[96];
  return ParseCursor(text, ReadAt(files.loadavg, text, sizeof text, 0));
}

uint32_t PidMax() {
  char text[32];
  return ParseNumber(text, ReadAt(files.pid_max, text, sizeof text, 0));
}

uint64_t Forks() {
  constexpr uint64_t kMost = 1u << 20;
  char text[4096];
  ForkCount forks;
  for (uint64_t offset = 0; offset < kMost && !forks.found();) {
    const size_t count = ReadAt(files.stat, text, sizeof text, offset);
    if (count == 0) return 0;
    forks.Feed(text, count);
    offset += count;
  }
  return forks.found() ? forks.value() : 0;
}

uint64_t BootTicks() {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 100 + static_cast<uint64_t>(now.tv_nsec) / 10'000'000;
}

void StartWalk() {
  Sys(SYS_lseek, files.directory, 0, 0 /* SEEK_SET */);
  entries_at = entries_end = 0;
}

uint32_t NextInWalk() {
  for (;;) {
    if (entries_at >= entries_end) {
      const long count = Sys(SYS_getdents64, files.directory, entries, sizeof entries);
      if (count <= 0) return 0;
      entries_at = 0;
      entries_end = static_cast<size_t>(count);
    }
    const auto* entry = reinterpret_cast<const Entry*>(entries + entries_at);
    entries_at += entry->size;
    if (entry->name[0] >= '1' && entry->name[0] <= '9') return ParseNumber(entry->name, 11);
  }
}

bool Watch(int pidfd, uint32_t pid, uint32_t slot) {
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = static_cast<uint64_t>(slot) << 32 | pid;
  return Sys(SYS_epoll_ctl, files.epoll, EPOLL_CTL_ADD, pidfd, &event) == 0;
}

bool ExitInfo(int pidfd, uint64_t* status) {
  PidfdInfo info = {};
  info.mask = kInfoExit;
  if (Sys(SYS_ioctl, pidfd, kGetInfo, &info) < 0 || (info.mask & kInfoExit) == 0) return false;
  const uint32_t signal = static_cast<uint32_t>(info.exit_code) & 0x7f;
  *status = signal != 0 ? wire::kExitBySignal | signal : (static_cast<uint32_t>(info.exit_code) >> 8) & 0xff;
  return true;
}

void Close(int pidfd) {
  if (pidfd > 0) Sys(SYS_close, pidfd);
}

bool IsGroup(uint32_t number) { return Sys(SYS_kill, -static_cast<long>(number), 0) != -ESRCH; }

}  // namespace guest::proc
