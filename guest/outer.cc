// SPDX-License-Identifier: Apache-2.0
// Outer init: death pipe, time to live, and the reaper's end. When it exits, the kernel kills everything in the cell.
#include <errno.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "init.h"
#include "kernel.h"

namespace guest {
namespace {

// A timer at an absolute boot time; one that never fires for 0.
int ArmTimer(uint64_t deadline_ns) {
  const long timer = Sys(SYS_timerfd_create, CLOCK_BOOTTIME, TFD_CLOEXEC);
  if (timer < 0) FailStart(wire::StartPhase::kInit, timer);
  itimerspec when = {};
  when.it_value.tv_sec = static_cast<time_t>(deadline_ns / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(deadline_ns % 1'000'000'000);
  const long result = Sys(SYS_timerfd_settime, timer, TFD_TIMER_ABSTIME, &when, nullptr);
  if (result < 0) FailStart(wire::StartPhase::kInit, result);
  return static_cast<int>(timer);
}

}  // namespace

void RunOuter(const wire::InitRecord& record) {
  const int timer = ArmTimer(record.ttl_deadline_ns);
  const long result = InstallFilter(record.guard_filter);
  if (result < 0) FailStart(wire::StartPhase::kInit, result);
  pollfd watched[] = {{wire::kControlFd, 0, 0}, {timer, POLLIN, 0}, {wire::kReaperFd, POLLIN, 0}};
  for (;;) {
    const long ready = Sys(SYS_ppoll, watched, 3, nullptr, nullptr, 0);
    if (ready == -EINTR) continue;
    if (ready < 0) Exit(1);
    if (watched[1].revents != 0) {
      wire::InitReport report = {};
      report.kind = wire::ReportKind::kTtlExpired;
      Report(report);
      Exit(0);
    }
    if (watched[0].revents != 0 || watched[2].revents != 0) Exit(0);
  }
}

}  // namespace guest
