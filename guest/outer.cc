// SPDX-License-Identifier: Apache-2.0
// Outer init: death pipe, time to live, the reaper's end, and the witness's life. When it exits, the kernel kills
// everything in the cell.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "init.h"
#include "kernel.h"
#include "wire/agent_watch.h"

namespace guest {
namespace {

int NewTimer(int clock, const itimerspec& when, int flags) {
  const long timer = Sys(SYS_timerfd_create, clock, TFD_CLOEXEC);
  if (timer < 0) FailStart(wire::StartPhase::kInit, timer);
  const long result = Sys(SYS_timerfd_settime, timer, flags, &when, nullptr);
  if (result < 0) FailStart(wire::StartPhase::kInit, result);
  return static_cast<int>(timer);
}

// A timer at an absolute boot time; one that never fires for 0.
int ArmTimer(uint64_t deadline_ns) {
  itimerspec when = {};
  when.it_value.tv_sec = static_cast<time_t>(deadline_ns / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(deadline_ns % 1'000'000'000);
  return NewTimer(CLOCK_BOOTTIME, when, TFD_TIMER_ABSTIME);
}

// The witness, as outer init sees it. Without one nothing is polled and nothing ever happens here.
class Witness {
 public:
  void Start() {
    const long page = Sys(SYS_mmap, nullptr, sizeof(wire::AgentPage), PROT_READ, MAP_SHARED, wire::kWatchPageFd, 0);
    if (page < 0 && page > -4096) FailStart(wire::StartPhase::kInit, page);
    page_ = reinterpret_cast<const wire::AgentPage*>(page);
    Sys(SYS_close, wire::kWatchPageFd);
    const timespec tick = {0, wire::kWatchTickMs * 1'000'000L};
    timer_ = NewTimer(CLOCK_MONOTONIC, {tick, tick}, 0);
    process_ = wire::kAgentPidFd;
  }
  int process() const { return process_; }
  int timer() const { return timer_; }
  bool lives() const { return process_ >= 0; }

  // The reaper has ended, and everything of the workload with it: what is left is to tell the rest.
  void OnReaperEnd() {
    if (!lives()) Exit(0);
    reaper_ended_ = true;
    ticks_left_ = kFlushTicks;
  }

  void OnTick() {
    uint64_t expirations;
    Sys(SYS_read, timer_, &expirations, sizeof expirations);
    if (!lives()) return;
    if (reaper_ended_) {
      if (--ticks_left_ <= 0) Give(wire::ReportKind::kAgentHung, 0, 0);
    } else if (watch_.Tick(__atomic_load_n(&page_->beat, __ATOMIC_RELAXED))) {
      Give(wire::ReportKind::kAgentHung, 0, 0);
    }
  }

  void OnEnd() {
    siginfo_t info = {};
    const long result = Sys(SYS_waitid, P_PIDFD, wire::kAgentPidFd, &info, WEXITED | WNOHANG, nullptr);
    if (result == -EINTR || (result >= 0 && info.si_pid == 0)) return;
    const bool by_itself = result >= 0 && info.si_code == CLD_EXITED &&
                           (info.si_status == wire::kAgentExitTold || info.si_status == wire::kAgentExitUntold);
    if (!by_itself) Give(wire::ReportKind::kAgentFailed, info.si_code, info.si_status);
    if (reaper_ended_) Exit(0);
    // Nobody has the workload's filter any more, it says. The reaper ends when it gets to run, which a workload that
    // lowered its priority may have made late; the time to live is its bound.
    process_ = -1;
  }

 private:
  // A little longer than the witness gives itself.
  static constexpr int kFlushTicks = static_cast<int>(wire::kAgentFlushMs / wire::kWatchTickMs) + 3;

  [[noreturn]] static void Give(wire::ReportKind kind, int code, int status) {
    wire::InitReport report = {};
    report.kind = kind;
    report.phase = wire::StartPhase::kAgent;
    report.code = code;
    report.status = status;
    Report(report);
    Exit(0);
  }

  const wire::AgentPage* page_ = nullptr;
  wire::AgentWatch watch_;
  int process_ = -1, timer_ = -1;
  bool reaper_ended_ = false;
  int ticks_left_ = 0;
};

}  // namespace

void RunOuter(const wire::InitRecord& record) {
  const int timer = ArmTimer(record.ttl_deadline_ns);
  Witness witness;
  if (record.agent) witness.Start();
  const long result = InstallFilter(record.guard_filter);
  if (result < 0) FailStart(wire::StartPhase::kInit, result);
  enum Place { kControl, kTtl, kReaper, kAgent, kTick, kPlaces };
  pollfd watched[kPlaces] = {{wire::kControlFd, 0, 0},
                             {timer, POLLIN, 0},
                             {wire::kReaperFd, POLLIN, 0},
                             {-1, POLLIN, 0},
                             {witness.timer(), POLLIN, 0}};
  for (;;) {
    watched[kAgent].fd = witness.process();
    const long ready = Sys(SYS_ppoll, watched, kPlaces, nullptr, nullptr, 0);
    if (ready == -EINTR) continue;
    if (ready < 0) Exit(1);
    if (watched[kTtl].revents != 0) {
      wire::InitReport report = {};
      report.kind = wire::ReportKind::kTtlExpired;
      Report(report);
      Exit(0);
    }
    if (watched[kControl].revents != 0) Exit(0);
    if (watched[kReaper].revents != 0) {
      witness.OnReaperEnd();
      watched[kReaper].fd = -1;
    }
    if (watched[kAgent].revents != 0) witness.OnEnd();
    if (watched[kTick].revents != 0) witness.OnTick();
  }
}

}  // namespace guest
