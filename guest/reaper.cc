// SPDX-License-Identifier: Apache-2.0
// The reaper: PID 1 beside the workload. The leader is known by its pid, so no other child can pass for it.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "init.h"
#include "kernel.h"

namespace guest {
namespace {

// Reaps whatever ended; the leader's end ends the reaper.
void ReapAll(long leader) {
  for (;;) {
    siginfo_t info = {};
    const long result = Sys(SYS_waitid, P_ALL, 0, &info, WEXITED | WNOHANG | __WALL, nullptr);
    if (result == -EINTR) continue;
    if (result < 0 || info.si_pid == 0) return;
    if (info.si_pid != leader) continue;
    wire::InitReport report = {};
    report.kind = wire::ReportKind::kEnded;
    report.code = info.si_code;
    report.status = info.si_status;
    Report(report);
    Exit(0);
  }
}

// One byte is one signal for the leader's process group. A supervisor that is gone ends the cell.
void Forward(long leader) {
  unsigned char signal = 0;
  const long count = Sys(SYS_recvfrom, wire::kControlFd, &signal, sizeof signal, MSG_DONTWAIT, nullptr, nullptr);
  if (count == -EAGAIN || count == -EINTR) return;
  if (count != 1) Exit(1);
  // Before the leader has its own session there is no such group yet.
  if (Sys(SYS_kill, -leader, signal) == -ESRCH) Sys(SYS_kill, leader, signal);
}

}  // namespace

void RunReaper(const wire::InitRecord& record) {
  const uint64_t child_signal = 1ull << (SIGCHLD - 1);
  const long signals = Sys(SYS_signalfd4, -1, &child_signal, sizeof child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) FailStart(wire::StartPhase::kInit, signals);
  const long leader = Sys(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (leader < 0) FailStart(wire::StartPhase::kInit, leader);
  if (leader == 0) RunWorkload(record);

  for (int fd = 0; fd <= 2; ++fd) Sys(SYS_close, fd);
  Sys(SYS_close, wire::kBarrierFd);
  if (record.agent) Sys(SYS_close, wire::kHandoverFd);
  const long result = InstallFilter(record.guard_filter);
  if (result < 0) FailStart(wire::StartPhase::kInit, result);
  pollfd watched[] = {{wire::kControlFd, POLLIN, 0}, {static_cast<int>(signals), POLLIN, 0}};
  for (;;) {
    ReapAll(leader);
    const long ready = Sys(SYS_ppoll, watched, 2, nullptr, nullptr, 0);
    if (ready == -EINTR) continue;
    if (ready < 0) Exit(1);
    if (watched[1].revents != 0) {
      signalfd_siginfo unused;
      Sys(SYS_read, signals, &unused, sizeof unused);
    }
    if (watched[0].revents != 0) Forward(leader);
  }
}

}  // namespace guest
