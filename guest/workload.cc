// SPDX-License-Identifier: Apache-2.0
// The leader's way from fork to exec: session, limits, directory, filter, barrier, program.
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "init.h"
#include "kernel.h"
#include "wire/agent_config.h"

namespace guest {
namespace {

using wire::StartPhase;

void Must(StartPhase phase, long result) {
  if (result < 0) FailStart(phase, result);
}

void EnterSession(const wire::InitRecord& record) {
  Must(StartPhase::kSession, Sys(SYS_setsid));
  if (record.terminal) Must(StartPhase::kSession, Sys(SYS_ioctl, 0, TIOCSCTTY, 0));
  Sys(SYS_umask, 0077);
  // 0: SIG_DFL, no flags. SIGKILL and SIGSTOP refuse, and are default anyway.
  const struct { void* handler; unsigned long flags; void* restorer; uint64_t mask; } reset = {};
  for (int signal = 1; signal <= 64; ++signal) Sys(SYS_rt_sigaction, signal, &reset, nullptr, sizeof(uint64_t));
  const uint64_t none = 0;
  Sys(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

// From here on the supervisor, as the same ordinary user, can read this process's state back from /proc. Nothing else
// of the cell runs yet.
void BecomeReadable() { Must(StartPhase::kSession, Sys(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)); }

void SetOomScore(int score) {
  char text[16];
  char* at = text + sizeof text;
  const bool negative = score < 0;
  unsigned rest = negative ? 0u - static_cast<unsigned>(score) : static_cast<unsigned>(score);
  do {
    *--at = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (negative) *--at = '-';
  const long fd = Sys(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
  Must(StartPhase::kRlimits, fd);
  Must(StartPhase::kRlimits, Sys(SYS_write, fd, at, text + sizeof text - at));
  Sys(SYS_close, fd);
}

void ApplyLimits(const wire::InitRecord& record) {
  SetOomScore(record.oom_score_adj);
  for (uint32_t i = 0; i < record.rlimit_count; ++i) {
    const wire::InitRlimit& limit = record.rlimits[i];
    const uint64_t pair[2] = {limit.soft, limit.hard};
    Must(StartPhase::kRlimits, Sys(SYS_prlimit64, 0, limit.resource, pair, nullptr));
  }
}

void KeepOnlyStreams() {
  Must(StartPhase::kSession, Sys(SYS_close_range, wire::kFirstFreeFd, ~0u, 0));
  Must(StartPhase::kSession, Sys(SYS_close_range, wire::kRecordFd, ~0u, CLOSE_RANGE_CLOEXEC));
}

// Last before the filter. A path that leads out of the root (through a descriptor, say) has no name that starts with
// '/': the kernel answers "(unreachable)…".
void EnterDirectory(const wire::InitRecord& record) {
  wire::InitReport entered = {};
  entered.kind = wire::ReportKind::kEntered;
  entered.phase = StartPhase::kWorkdir;
  Report(entered);
  Must(StartPhase::kWorkdir, Sys(SYS_chdir, record.working_directory.data));
  static char name[4096];
  Must(StartPhase::kWorkdir, Sys(SYS_getcwd, name, sizeof name));
  if (name[0] != '/') FailStart(StartPhase::kWorkdir, -EXDEV);
}

// The filter with its listener. Where the kernel can, a call that was taken by the witness is broken off by a deadly
// signal only, so that none is told twice.
long InstallNotifyingFilter(wire::Bytes filter) {
  constexpr unsigned kWaitKillable = 1u << 5;  // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
  const sock_fprog program = {static_cast<unsigned short>(filter.size / sizeof(sock_filter)),
                              reinterpret_cast<sock_filter*>(const_cast<uint8_t*>(filter.data))};
  const long listener =
      Sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | kWaitKillable, &program);
  if (listener != -EINVAL) return listener;
  return Sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

long Pass(int channel, int fd) {
  uint8_t byte = 0;
  iovec part = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  *reinterpret_cast<int*>(CMSG_DATA(header)) = fd;
  return Sys(SYS_sendmsg, channel, &message, MSG_NOSIGNAL);
}

// Installs the filter and waits until the witness answers for it: from then on nothing that is notified goes untold.
void InstallWatchedFilter(const wire::InitRecord& record) {
  const long listener = InstallNotifyingFilter(record.filter);
  Must(StartPhase::kFilter, listener);
  wire::InitReport entered = {};
  entered.kind = wire::ReportKind::kEntered;
  entered.phase = StartPhase::kAgent;
  Report(entered);
  Must(StartPhase::kAgent, Pass(wire::kHandoverFd, static_cast<int>(listener)));
  Sys(SYS_close, listener);
  uint8_t answer = 0;
  long count;
  do {
    count = Sys(SYS_recvfrom, wire::kHandoverFd, &answer, 1, 0, nullptr, nullptr);
  } while (count == -EINTR);
  if (count != 1) FailStart(StartPhase::kAgent, count < 0 ? count : -EPIPE);
  if (answer != wire::kAgentArmed) FailStart(StartPhase::kAgent, -static_cast<long>(answer));
  Sys(SYS_close, wire::kHandoverFd);
}

void AnnounceReady() {
  wire::InitReport ready = {};
  ready.kind = wire::ReportKind::kReady;
  Report(ready);
}

void ReadAll(void* buffer, size_t size) {
  auto* at = static_cast<uint8_t*>(buffer);
  while (size > 0) {
    const long count = Sys(SYS_read, wire::kBarrierFd, at, size);
    if (count == -EINTR) continue;
    if (count <= 0) Exit(125);  // the supervisor is gone or has given up; the cell ends with it
    at += count;
    size -= static_cast<size_t>(count);
  }
}

void* Allocate(size_t bytes) {
  const long memory = Sys(SYS_mmap, nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory < 0 && memory > -4096) FailStart(StartPhase::kBarrier, memory);
  return reinterpret_cast<void*>(memory);
}

// Waits at the barrier; the environment of the record with the texts that came through it.
const char** AwaitBarrier(const wire::InitRecord& record, const char** environment) {
  wire::BarrierHeader header;
  ReadAll(&header, sizeof header);
  if (header.bytes > wire::kMaxBarrierBytes || header.count > wire::kMaxBarrierTexts) Exit(125);
  wire::ListTexts(record.environment, record.environment_count, environment);
  if (header.bytes == 0) return environment;
  auto* texts = static_cast<uint8_t*>(Allocate(header.bytes));
  ReadAll(texts, header.bytes);
  uint32_t ends = 0;
  for (uint32_t i = 0; i < header.bytes; ++i) ends += texts[i] == 0;
  if (ends != header.count || texts[header.bytes - 1] != 0) Exit(125);
  wire::ListTexts({texts, header.bytes}, header.count, environment + record.environment_count);
  return environment;
}

bool HasSlash(const char* text) {
  for (; *text != 0; ++text) {
    if (*text == '/') return true;
  }
  return false;
}

const char* SearchPath(const char** environment) {
  for (; *environment != nullptr; ++environment) {
    const char* entry = *environment;
    if (entry[0] == 'P' && entry[1] == 'A' && entry[2] == 'T' && entry[3] == 'H' && entry[4] == '=') return entry + 5;
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

long Execute(const char* path, const char** arguments, const char** environment) {
  return Sys(SYS_execve, path, arguments, environment);
}

// Joins `directory` (of `length` bytes; empty means the working directory) and `name`; false when that is too long.
bool Join(const char* directory, size_t length, const char* name, char (&path)[4096]) {
  size_t end = 0;
  if (length + 2 >= sizeof path) return false;
  for (size_t i = 0; i < length; ++i) path[end++] = directory[i];
  if (length == 0) path[end++] = '.';
  path[end++] = '/';
  for (; *name != 0; ++name) {
    if (end + 1 >= sizeof path) return false;
    path[end++] = *name;
  }
  path[end] = 0;
  return true;
}

// Each directory of PATH in turn; a program that is there but can't be run is remembered while the search goes on.
long ExecuteByName(const char** arguments, const char** environment) {
  static char path[4096];
  long outcome = -ENOENT;
  for (const char* at = SearchPath(environment);;) {
    size_t length = 0;
    while (at[length] != 0 && at[length] != ':') ++length;
    if (Join(at, length, arguments[0], path)) {
      const long result = Execute(path, arguments, environment);
      if (result == -EACCES) {
        outcome = result;
      } else if (result != -ENOENT && result != -ENOTDIR) {
        return result;
      }
    }
    if (at[length] == 0) return outcome;
    at += length + 1;
  }
}

}  // namespace

void RunWorkload(const wire::InitRecord& record) {
  EnterSession(record);
  BecomeReadable();
  KeepOnlyStreams();
  ApplyLimits(record);
  EnterDirectory(record);
  // The lists are made before the limits of the workload's own making can stand in the way of memory.
  auto** arguments = static_cast<const char**>(Allocate((record.argument_count + 1) * sizeof(char*)));
  auto** environment = static_cast<const char**>(
      Allocate((record.environment_count + wire::kMaxBarrierTexts + 1) * sizeof(char*)));
  wire::ListTexts(record.arguments, record.argument_count, arguments);
  if (record.agent) {
    InstallWatchedFilter(record);
  } else {
    Must(StartPhase::kFilter, InstallFilter(record.filter));
  }
  AnnounceReady();
  AwaitBarrier(record, environment);
  if (record.argument_count == 0) Exit(125);  // nothing to run: nobody opens this barrier
  const long result = HasSlash(arguments[0]) ? Execute(arguments[0], arguments, environment)
                                             : ExecuteByName(arguments, environment);
  wire::InitReport failed = {};
  failed.kind = wire::ReportKind::kExecFailed;
  failed.phase = StartPhase::kExec;
  failed.error = static_cast<int>(-result);
  Report(failed);
  Exit(127);
}

}  // namespace guest
