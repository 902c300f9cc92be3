// SPDX-License-Identifier: Apache-2.0
// The life of a process that has a slot: exec, name, end.
#include "census.h"

#include "wire/agent_config.h"

namespace guest {
namespace {

using wire::ProbeSource;
using Phase = Process::Phase;
using Exec = Process::Exec;

constexpr uint64_t kProgramNs = 10'000'000;  // a program that is being executed has given its name by then
constexpr uint64_t kForkNs = 50'000'000;     // and a new process that is to execute one is about to
constexpr uint64_t kSlowExecNs = 250'000'000;  // for a first program that is long in coming
constexpr uint8_t kMaxChecks = 10;           // of an exec that does not seem to succeed
constexpr uint32_t kZombiesPerWalk = 64;

uint64_t StatusOfWait(uint32_t code) {
  const uint32_t signal = code & 0x7f;
  return signal != 0 ? wire::kExitBySignal | signal : (code >> 8) & 0xff;
}

bool IsDead(const ProcessStat& stat) {
  // A leader that is gone before its threads is a zombie too.
  return (stat.state == 'Z' && stat.threads <= 1) || stat.state == 'X';
}

}  // namespace

void Census::Tell(ProbeSource source, const Process& process, uint64_t value) {
  if (Tells(source)) out_->Put({value, process.pid, source, process.comm});
}

void Census::TellSpawn(Process* process) {
  process->spawn_owed = false;
  Tell(ProbeSource::kProcessSpawned, *process, process->spawn_ns);
}

void Census::TellStatus(Process* process, uint64_t status) {
  if (process->status_told || !tells_status_ || !Tells(ProbeSource::kProcessExited)) return;
  process->status_told = true;
  out_->Put({status, process->pid, ProbeSource::kAgentExitStatus, process->comm});
}

void Census::TellUnseen(uint32_t number, uint64_t now) {
  Process unseen = {};
  unseen.pid = number;
  unseen.spawn_ns = now;
  TellSpawn(&unseen);
  Tell(ProbeSource::kProcessExited, unseen, now);
}

void Census::TellEnd(Process* process, uint64_t now) {
  if (process->spawn_owed) TellSpawn(process);
  if (process->exec_open) TellSpawn(process);  // nothing says that it failed
  process->exec_open = false;
  process->phase = Phase::kEnded;
  Tell(ProbeSource::kProcessExited, *process, now);
}

void Census::Learn(const ProcessStat& stat, Process* process) {
  process->comm = stat.comm;
  process->comm_tick = tick_;
}

// Tells the exec that was open, if it has succeeded.
void Census::CloseExec(const ProcessStat& stat, Process* process) {
  if (process->exec != Exec::kDone || (process->image == stat.image && stat.image != 0)) return;
  // Hidden addresses say nothing; then the try itself counts.
  if (stat.image == 0 && !process->exec_open) return;
  process->exec_open = false;
  process->ending = false;
  process->image = stat.image;
  TellSpawn(process);
}

// It was told to have ended, and executes a program: before Linux 6.17 a signal can break off a call whose answer was
// delivered, and its handler need not come back to the exit_group.
void Census::Revive(Process* process, uint64_t now) {
  process->phase = Phase::kAlive;
  process->exec = Exec::kNone;
  process->spawn_owed = true;
  process->spawn_ns = now;
  process->status_told = false;
}

void Census::OnExec(uint32_t number, uint64_t now) {
  if (!tracks_) return;
  Process* process = Caller(number, now);
  if (process != nullptr && process->phase == Phase::kEnded) Revive(process, now);
  if (process == nullptr || process->phase != Phase::kAlive) return;
  active_ns_ = now;
  unsettled_ = true;
  process->touched_ns = now;
  process->ending = false;  // who asked for its end was not quick enough, or this exec fails
  if (process->exec == Exec::kNone) {
    process->exec = Exec::kTried;
    return;
  }
  ProcessStat stat;
  if (!proc::ReadStat(process->pid, &stat)) return;
  if (process->exec == Exec::kTried) {
    if ((stat.flags & kForkedNotExecuted) != 0) return;  // the one before has failed: a search along PATH
    process->exec = Exec::kDone;
    Learn(stat, process);
    if (process->spawn_owed) TellSpawn(process);
  } else {
    Learn(stat, process);
    CloseExec(stat, process);
  }
  process->image = stat.image;
  process->exec_open = true;
  process->checks = 0;
  process->spawn_ns = now;
}

void Census::OnExit(uint32_t number, uint64_t argument, uint64_t now) {
  exiting_ = 0;
  if (!tracks_) return;
  Process* process = Caller(number, now);
  if (process == nullptr || process->phase != Phase::kAlive) return;
  active_ns_ = now;
  ProcessStat stat;
  exits_alone_ = !threads_;
  if (process->exec != Exec::kDone && !threads_) {
    proc::ReadComm(process->pid, &process->comm);
  } else if (proc::ReadStat(process->pid, &stat)) {
    Learn(stat, process);
    CloseExec(stat, process);
    exits_alone_ = stat.threads <= 1;
    if (exits_alone_) process->exec_open = false;
  }
  exiting_ = process->pid;
  process->ending = true;
  process->status = argument & 0xff;
}

void Census::AfterExit(bool delivered, uint64_t now) {
  Process* process = exiting_ == 0 ? nullptr : table_.Find(exiting_);
  if (process == nullptr || process->phase != Phase::kAlive || !process->ending) return;
  if (!delivered) {
    process->ending = false;
    return;
  }
  if (process->pidfd > 0) return;  // its end is awaited, and the kernel's word on it
  // The exec of another thread may yet be quicker: it ends the caller before its call is carried out, and the process
  // lives on.
  if (!exits_alone_) return;
  TellEnd(process, now);
  TellStatus(process, process->status);
}

void Census::Settle(uint64_t now) {
  if (!unsettled_) return;
  bool left = false;
  for (uint32_t slot = 0; slot < table_.Top(); ++slot) {
    Process& process = table_.At(slot);
    if (process.phase != Phase::kAlive || (!process.spawn_owed && !process.exec_open)) continue;
    ProcessStat stat;
    const uint64_t settled = process.exec == Exec::kNone ? kForkNs : kProgramNs;
    if (now - process.touched_ns < settled || !proc::ReadStat(process.pid, &stat)) {
      left = true;
      continue;
    }
    const bool executing = process.exec == Exec::kTried && (stat.flags & kForkedNotExecuted) != 0;
    if (process.spawn_owed && executing && now - process.touched_ns < kSlowExecNs) {
      left = true;
      continue;
    }
    Learn(stat, &process);
    if (process.spawn_owed) TellSpawn(&process);
    if (!process.exec_open) continue;
    CloseExec(stat, &process);
    if (process.exec_open && ++process.checks >= kMaxChecks) process.exec_open = false;
    left = left || process.exec_open;
  }
  unsettled_ = left;
}

void Census::Vanish(Process* process, uint64_t now) {
  uint64_t status = 0;
  const bool known = process->pidfd > 0 && proc::ExitInfo(process->pidfd, &status);
  const bool was_alive = process->phase == Phase::kAlive;
  if (was_alive) TellEnd(process, now);
  if (known) {
    TellStatus(process, status);
  } else if (was_alive && process->ending) {
    TellStatus(process, process->status);
  }
  proc::Close(process->pidfd);
  table_.Remove(process);
}

void Census::OnPidfd(uint32_t pid, uint32_t slot, uint64_t now) {
  if (slot >= table_.Top()) return;
  Process& process = table_.At(slot);
  if (process.pid != pid || process.pidfd <= 0) return;
  if (process.phase != Phase::kAlive && process.phase != Phase::kEnded) return;
  active_ns_ = now;
  uint64_t status = 0;
  bool known = proc::ExitInfo(process.pidfd, &status);
  ProcessStat stat;
  if (!known && proc::ReadStat(pid, &stat) && IsDead(stat) && stat.exit_code != 0) {
    known = true;
    status = StatusOfWait(stat.exit_code);
  }
  if (process.phase == Phase::kAlive) TellEnd(&process, now);
  if (known) {
    TellStatus(&process, status);
  } else if (process.ending) {
    TellStatus(&process, process.status);
  }
}

void Census::Walk(uint64_t now) {
  if (!tracks_) return;
  ++walk_;
  if (Busy(now)) {
    Rebase(now);
  } else {
    Advance(now);
  }
  proc::StartWalk();
  for (uint32_t pid = proc::NextInWalk(); pid != 0; pid = proc::NextInWalk()) {
    Process* process = table_.Find(pid);
    if (process == nullptr) {
      Advance(now);
      process = table_.Find(pid);
    }
    if (process == nullptr && !overflowed_) process = Resolve(pid, now);
    if (process != nullptr) process->walk = walk_;
  }
  Sweep(now);
  CheckZombies(now);
}

// Whoever the walk did not see is gone.
void Census::Sweep(uint64_t now) {
  for (uint32_t slot = 0; slot < table_.Top(); ++slot) {
    Process& process = table_.At(slot);
    if ((process.phase != Phase::kAlive && process.phase != Phase::kEnded) || process.walk == walk_) continue;
    if (proc::Look(process.pid, nullptr) != proc::Sight::kProcess) Vanish(&process, now);
  }
}

// Ended, but not reaped: some of them in each walk.
void Census::CheckZombies(uint64_t now) {
  uint32_t budget = kZombiesPerWalk;
  for (uint32_t seen = 0; seen < table_.Top() && budget > 0; ++seen) {
    zombie_slot_ = zombie_slot_ + 1 >= table_.Top() ? 0 : zombie_slot_ + 1;
    Process& process = table_.At(zombie_slot_);
    if (process.phase != Phase::kAlive || process.pidfd > 0) continue;
    --budget;
    ProcessStat stat;
    if (!proc::ReadStat(process.pid, &stat) || !IsDead(stat)) continue;
    TellEnd(&process, now);
    if (stat.exit_code != 0) {
      TellStatus(&process, StatusOfWait(stat.exit_code));
    } else if (process.ending) {
      TellStatus(&process, process.status);
    }
  }
}

void Census::Finish(uint64_t now) {
  if (!tracks_) return;
  Advance(now);
  DecideLimbo(now, 0);
  for (uint32_t slot = 0; slot < table_.Top(); ++slot) {
    Process& process = table_.At(slot);
    if (process.phase == Phase::kAlive || process.phase == Phase::kEnded) Vanish(&process, now);
  }
}

}  // namespace guest
