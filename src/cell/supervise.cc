// SPDX-License-Identifier: Apache-2.0
// One poll(2) loop: the set of descriptors is small, and poll takes regular files, which epoll refuses.
#include "cell/supervise.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "cell/streams/pump.h"
#include "cell/streams/terminal.h"
#include "sys/memory.h"

namespace cell {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr seconds kKillDeadline{10};      // SIGKILL to PID 1 until it is gone
constexpr milliseconds kDrainDeadline{2000};  // no byte moved for so long after the end: give up on the rest
constexpr seconds kTick{1};
constexpr milliseconds kIdle{100};  // a wait that brought nothing for so long: memory can be given back meanwhile

class Supervisor {
 public:
  explicit Supervisor(SuperviseOptions options);
  Ending Run();

 private:
  base::BootTime Now() const { return o_.clock->Boot(); }
  bool Finished();
  milliseconds Wait() const;
  void Poll();
  void Act();
  void OnDeadlines();
  void OnSignal();
  void OnCellEvents();
  void OnCellEvent(const sandbox::CellEvent& event);
  void OnEnd(const sandbox::WorkloadEnd& end);
  void OnMemory();
  void OnStop();
  void OnCompanion();
  void OnAgentFailed(const sandbox::CellEvent& event);
  void OnFailure(Reason reason, const std::string& why);
  void CloseIdleStreams();
  // Asks the workload to end (SIGTERM, then SIGKILL after the grace period).
  void End(Reason reason);
  // Ends everything at once.
  void Kill(Reason reason);
  void Decide(Reason reason) {
    if (!decided_) ending_.reason = reason;
    decided_ = true;
  }

  SuperviseOptions o_;
  CallerEnd caller_in_, caller_out_, caller_err_;
  Pump in_, out_, err_;
  Ending ending_;
  bool decided_ = false;
  bool ended_ = false;     // the leader's end is known
  bool killed_ = false;
  int interrupts_ = 0;
  int last_signal_ = 0;
  std::optional<base::BootTime> grace_at_;
  base::BootTime started_at_, next_tick_, drain_at_{0};
  std::uint64_t drained_bytes_ = 0;
  bool companion_failed_ = false;
  bool quiet_ = false;  // the last wait was long and brought nothing to do
  std::vector<pollfd> polls_;
  std::size_t signal_slot_ = 0, cell_slot_ = 0, oom_slot_ = 0, stop_slot_ = 0;
};

std::size_t WriteLimit(const CallerEnd& end) { return end.is_ours_alone() ? Pump::kBufferBytes : PIPE_BUF; }

Supervisor::Supervisor(SuperviseOptions options)
    : o_(std::move(options)),
      caller_in_(o_.stdin_open ? o_.caller.in : -1, CallerEnd::Use::kRead),
      caller_out_(o_.caller.out, CallerEnd::Use::kWrite),
      caller_err_(o_.caller.err, CallerEnd::Use::kWrite),
      in_(caller_in_.fd(), o_.streams.terminal ? o_.streams.terminal.get() : o_.streams.in.get(), Pump::kBufferBytes),
      out_(o_.streams.terminal ? o_.streams.terminal.get() : o_.streams.out.get(), caller_out_.fd(),
           WriteLimit(caller_out_)),
      err_(o_.streams.err.get(), caller_err_.fd(), WriteLimit(caller_err_)),
      started_at_(Now()),
      next_tick_(started_at_ + kTick) {}

Ending Supervisor::Run() {
  while (!Finished()) {
    Poll();
    Act();
    OnDeadlines();
    CloseIdleStreams();
  }
  for (const Pump* pump : {&out_, &err_}) {
    // A reader that left wanted no more; a full disk did.
    if (pump->target_error() != 0 && pump->target_error() != EPIPE) ending_.output_error = pump->target_error();
  }
  return std::move(ending_);
}

bool Supervisor::Finished() {
  if (!ended_ && !ending_.cell_gone) return false;
  if (out_.finished() && err_.finished()) return true;
  const std::uint64_t moved = out_.bytes() + err_.bytes();
  if (drain_at_ == base::BootTime{0} || moved != drained_bytes_) {
    drained_bytes_ = moved;
    drain_at_ = Now() + kDrainDeadline;
  }
  // A caller that reads slowly is given until the TTL; one whose workload still holds the pipe is not waited for.
  const bool buffered = !out_.target_gone() && !err_.target_gone() && (out_.source_ended() && err_.source_ended());
  const base::BootTime until = buffered ? std::max(o_.ttl_at, drain_at_) : drain_at_;
  if (Now() < until) return false;
  ending_.output_complete = false;
  return true;
}

milliseconds Supervisor::Wait() const {
  base::BootTime until = std::min(o_.ttl_at, o_.on_tick ? next_tick_ : o_.ttl_at);
  if (!killed_) until = std::min(until, o_.limit_at);
  if (grace_at_ && !killed_) until = std::min(until, *grace_at_);
  if (drain_at_ != base::BootTime{0}) until = std::min(until, drain_at_);
  if (const auto due = o_.log->CheckpointDue()) until = std::min(until, *due);
  if (o_.companion != nullptr) until = std::min(until, o_.companion->Deadline());
  const nanoseconds left = until - Now();
  // Past deadlines that lead to nothing more must not spin.
  return std::clamp(std::chrono::ceil<milliseconds>(left), ended_ || killed_ ? milliseconds{1} : milliseconds{0},
                    milliseconds{60'000});
}

void Supervisor::Poll() {
  polls_.clear();
  const auto watch = [&](int fd, short events) {
    polls_.push_back({fd, events, 0});  // poll(2) skips negative descriptors
    return polls_.size() - 1;
  };
  signal_slot_ = watch(o_.signal_fd, POLLIN);
  cell_slot_ = watch(ending_.cell_gone ? -1 : o_.cell->event_fd(), POLLIN);
  oom_slot_ = watch(decided_ ? -1 : o_.cell->oom_fd(), POLLIN | POLLPRI);
  stop_slot_ = watch(o_.stop_fd, POLLIN);
  if (o_.companion != nullptr) o_.companion->Watch(polls_);
  if (!ended_) in_.Watch(polls_);
  out_.Watch(polls_);
  err_.Watch(polls_);
  (void)o_.log->Flush();  // a failure is the log's for good and comes back with the next event or checkpoint
  if (quiet_) sys::ReleaseUnusedMemory();
  const milliseconds wait = Wait();
  quiet_ = ::poll(polls_.data(), polls_.size(), static_cast<int>(wait.count())) == 0 && wait >= kIdle;
}

void Supervisor::Act() {
  if (polls_[signal_slot_].revents != 0) OnSignal();
  if (polls_[oom_slot_].revents != 0) OnMemory();
  if (polls_[stop_slot_].revents != 0) OnStop();
  if (o_.companion != nullptr) OnCompanion();
  if (!ended_) in_.Act(polls_);
  out_.Act(polls_);
  err_.Act(polls_);
  if (polls_[cell_slot_].revents != 0) OnCellEvents();
}

void Supervisor::OnDeadlines() {
  const base::BootTime now = Now();
  if (!ended_ && !killed_) {
    if (now >= o_.ttl_at) {
      Kill(Reason::kTtlExceeded);
    } else if (now >= o_.limit_at && !decided_) {
      End(o_.plan->time_limit_source == "ttl" ? Reason::kTtlExceeded : Reason::kTimeout);
    } else if (grace_at_ && now >= *grace_at_) {
      Kill(ending_.reason);
    }
  }
  if (const auto due = o_.log->CheckpointDue(); due && now >= *due) {
    if (auto written = o_.log->Checkpoint(); !written) {
      ending_.message = written.error().message;
      Kill(Reason::kEvidenceFailed);
    }
  }
  if (o_.on_tick && now >= next_tick_) {
    next_tick_ = now + kTick;
    if (!ended_) o_.on_tick(std::chrono::duration_cast<milliseconds>(now - started_at_));
  }
}

void Supervisor::OnSignal() {
  unsigned char number = 0;
  if (::read(o_.signal_fd, &number, 1) != 1) {
    o_.signal_fd = -1;
    return;
  }
  if (number == SIGWINCH) {
    if (o_.streams.terminal) CopyWindowSize(o_.caller.in, o_.streams.terminal.get());
    return;
  }
  last_signal_ = number;
  if (number == SIGINT && ++interrupts_ >= 2) {
    ending_.interrupted_by = number;
    Kill(Reason::kInterrupted);
    return;
  }
  // A workload that is gone already needs no signal; its end is on the way.
  if (!ended_ && !killed_) (void)o_.cell->Signal(number);
}

void Supervisor::OnCellEvents() {
  while (true) {
    auto event = o_.cell->ReadEvent();
    if (!event) {
      ending_.message = event.error().message;
      Kill(Reason::kInitCrashed);
      return;
    }
    if (!*event) return;
    OnCellEvent(**event);
    if (ending_.cell_gone) return;
  }
}

void Supervisor::OnCellEvent(const sandbox::CellEvent& event) {
  switch (event.kind) {
    case sandbox::CellEventKind::kExecuted:
      ending_.executed = true;
      if (auto told = o_.on_executed(); !told) {
        ending_.message = told.error().message;
        Kill(Reason::kEvidenceFailed);
      }
      return;
    case sandbox::CellEventKind::kExecFailed:
      ending_.exec_error = event.error_number;
      Decide(event.error_number == ENOENT || event.error_number == ENOTDIR ? Reason::kCommandNotFound
                                                                           : Reason::kCommandNotExecutable);
      ended_ = true;
      return;
    case sandbox::CellEventKind::kWorkloadEnded:
      OnEnd(event.end);
      return;
    case sandbox::CellEventKind::kTtlExpired:
      Decide(Reason::kTtlExceeded);
      return;
    case sandbox::CellEventKind::kAgentFailed:
      OnAgentFailed(event);
      return;
    case sandbox::CellEventKind::kGone:
      ending_.cell_gone = true;
      Decide(Reason::kInitCrashed);
      return;
  }
}

void Supervisor::OnEnd(const sandbox::WorkloadEnd& end) {
  ended_ = true;
  ending_.end = end;
  if (auto killed = o_.cell->OomKilled(); killed && *killed) Decide(Reason::kOom);
  if (end.filter_killed) return Decide(Reason::kFilterKilled);
  if (end.signal == 0) return Decide(Reason::kCompleted);
  if (end.signal == last_signal_) {
    ending_.interrupted_by = last_signal_;
    return Decide(Reason::kInterrupted);
  }
  Decide(Reason::kSignalKilled);
}

void Supervisor::OnMemory() {
  if (auto killed = o_.cell->OomKilled(); killed && *killed) Kill(Reason::kOom);
}

void Supervisor::OnStop() {
  if (!o_.accept_stop || !o_.accept_stop()) return;
  // Authority ends now, not when the workload has.
  if (o_.companion != nullptr) o_.companion->Revoke();
  End(Reason::kRevoked);
}

void Supervisor::OnCompanion() {
  o_.companion->Act(polls_);
  if (const auto failure = o_.companion->failure()) OnFailure(o_.companion->failure_reason(), *failure);
}

void Supervisor::OnAgentFailed(const sandbox::CellEvent& event) {
  std::string why = event.hung ? "the witness in the cell hangs" : "the witness in the cell has ended";
  if (o_.companion != nullptr) {
    o_.companion->OnAgentFailed(event);
    why = o_.companion->failure().value_or(why);
  }
  OnFailure(Reason::kAgentSilenced, why);
}

void Supervisor::OnFailure(Reason reason, const std::string& why) {
  if (killed_) return;
  if (ending_.message.empty()) ending_.message = why;
  // A workload that ended in the same moment, maybe for that, does not make a failed gate or witness a good end.
  if (ended_ && !companion_failed_ && (ending_.reason == Reason::kCompleted || ending_.reason == Reason::kSignalKilled)) {
    ending_.reason = reason;
  }
  companion_failed_ = true;
  if (!ended_) Kill(reason);
}

void Supervisor::CloseIdleStreams() {
  // The cell's end of a stream is closed as soon as nothing more can pass, so that the workload sees end of file or EPIPE.
  if (!o_.streams.terminal) {
    if (in_.finished() || in_.target_gone() || ended_) o_.streams.in.Reset();
    if (out_.target_gone() && !out_.source_ended() && o_.caller.out >= 0) {
      out_.StopReading();
      o_.streams.out.Reset();
      ending_.output_complete = false;
    }
    if (err_.target_gone() && !err_.source_ended() && o_.caller.err >= 0) {
      err_.StopReading();
      o_.streams.err.Reset();
      ending_.output_complete = false;
    }
  }
}

void Supervisor::End(Reason reason) {
  if (ended_ || killed_) return;
  Decide(reason);
  if (grace_at_) return;
  if (o_.plan->grace.count() == 0 || !o_.cell->Signal(SIGTERM)) return Kill(reason);
  grace_at_ = std::min<base::BootTime>(Now() + o_.plan->grace, o_.ttl_at);
}

void Supervisor::Kill(Reason reason) {
  Decide(reason);
  if (killed_) return;
  killed_ = true;
  if (o_.companion != nullptr) o_.companion->Revoke();
  if (auto dead = o_.cell->Kill(kKillDeadline); !dead && ending_.message.empty()) ending_.message = dead.error().message;
  ending_.cell_gone = true;
}

}  // namespace

Ending Supervise(SuperviseOptions options) { return Supervisor(std::move(options)).Run(); }

}  // namespace cell
