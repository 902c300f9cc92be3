// SPDX-License-Identifier: Apache-2.0
// From a number to a life: who appeared, who passed by unseen, who is who.
#include "census.h"

#include "wire/agent_config.h"

namespace guest {
namespace {

using wire::ProbeSource;
using proc::Sight;

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kLimboMs = 50;              // far longer than a start takes between its number and its task
constexpr uint64_t kCreditNs = 1000 * kMs;     // a thread that was to start has its number by then
constexpr uint32_t kSlowlyReused = 8192;       // numbers; a hundred milliseconds is the longest that an end goes unseen
constexpr uint32_t kMaxCredits = 1u << 20;
constexpr uint64_t kTickNs = 10 * kMs;         // of proc::BootTicks
constexpr uint64_t kBusyNs = 500 * kMs;
constexpr uint32_t kThreadFlags = 0x00010000 | 0x00000800 | 0x00000100;  // CLONE_THREAD | CLONE_SIGHAND | CLONE_VM

}  // namespace

void Census::Start(uint32_t sources, bool full, bool tells_status, uint32_t self, Outbox* out, uint64_t now) {
  sources_ = sources;
  full_ = full;
  tells_status_ = tells_status;
  out_ = out;
  tracks_ = Tells(ProbeSource::kProcessSpawned) || Tells(ProbeSource::kProcessExited);
  if (!tracks_) return;
  pid_max_ = proc::PidMax();
  forks_base_ = proc::Forks();
  tick_ns_ = now;
  read_ticks_ = tick_ticks_ = proc::BootTicks();
  cursor_ = proc::Cursor();
  proc::StartWalk();
  for (uint32_t pid = proc::NextInWalk(); pid != 0; pid = proc::NextInWalk()) {
    ProcessStat stat;
    if (!proc::ReadStat(pid, &stat)) continue;
    if (pid == 1 || pid == self || stat.parent == 1) {
      Process* own = table_.Insert(pid);
      if (own != nullptr) own->phase = Process::Phase::kOwn;
    } else {
      int pidfd = 0;
      if (Look(pid, &pidfd) == Sight::kProcess) Appear(pid, pidfd, now);
    }
  }
  accounted_ = 0;
}

bool Census::Busy(uint64_t now) const {
  return unsettled_ || limbo_.Size() != 0 || (active_ns_ != 0 && now - active_ns_ < kBusyNs);
}

Process* Census::Appear(uint32_t number, int pidfd, uint64_t now) {
  if (limbo_.Size() != 0) limbo_.Forget(number);
  ++accounted_;
  Process* process = table_.Insert(number);
  if (process == nullptr) {  // its start can be told, its end will not be
    Process untracked = {};
    untracked.pid = number;
    untracked.spawn_ns = now;
    proc::ReadComm(number, &untracked.comm);
    TellSpawn(&untracked);
    overflowed_ = true;
    if (Tells(ProbeSource::kProcessExited)) out_->CountDropped();
    proc::Close(pidfd);
    return nullptr;
  }
  process->passed = wrapped_ || number <= cursor_;
  process->walk = walk_;
  process->spawn_owed = true;
  process->spawn_ns = process->touched_ns = now;
  process->comm_tick = tick_;
  unsettled_ = true;
  // To look into /proc/<n> costs the process as well, when it ends. Who stays for a while has its name read later, who
  // calls exit_group then.
  if (full_ || calling_ == 0) proc::ReadComm(number, &process->comm);
  // The workload can use up what its user may watch; its ends are seen by walks then.
  if (pidfd > 0 && proc::Watch(pidfd, number, table_.SlotOf(*process))) {
    process->pidfd = pidfd;
  } else {
    proc::Close(pidfd);
  }
  return process;
}

// Without asking for a caller that must be a process, for no thread was started yet.
Sight Census::Look(uint32_t number, int* pidfd) const {
  if (number == calling_ && !threads_ && !full_) return Sight::kProcess;
  return proc::Look(number, full_ ? pidfd : nullptr);
}

// A call of `number` was notified: it stands still until the answer.
Process* Census::Caller(uint32_t number, uint64_t now) {
  // Numbers do not come round so soon that a process known to live could be another one by now.
  Process* known = table_.Find(number);
  if (known != nullptr && known->phase == Process::Phase::kAlive && pid_max_ >= kSlowlyReused) return known;
  calling_ = number;
  Advance(now);
  Process* process = Resolve(number, now);
  calling_ = 0;
  return process;
}

Process* Census::Resolve(uint32_t number, uint64_t now) {
  Process* process = table_.Find(number);
  if (process != nullptr) return process;
  int pidfd = 0;
  Sight sight = Look(number, &pidfd);
  if (sight == Sight::kThread) {
    number = proc::ThreadGroup(number);
    process = number == 0 ? nullptr : table_.Find(number);
    if (process != nullptr || number == 0) return process;
    sight = Look(number, &pidfd);
  }
  return sight == Sight::kProcess ? Appear(number, pidfd, now) : nullptr;
}

Who Census::Identify(uint32_t number, uint64_t now) {
  if (tracks_) {
    Process* process = Caller(number, now);
    if (process != nullptr) {
      if (process->comm_tick != tick_ || process->spawn_owed) {
        proc::ReadComm(process->pid, &process->comm);
        process->comm_tick = tick_;
      }
      return {process->pid, process->comm};
    }
  }
  Who who = {number, {}};
  if (proc::Look(number, nullptr) == Sight::kThread) {
    const uint32_t group = proc::ThreadGroup(number);
    if (group != 0) who.pid = group;
  }
  proc::ReadComm(who.pid, &who.comm);
  return who;
}

void Census::OnClone(uint64_t flags, uint64_t now) {
  if (!tracks_) return;
  if ((flags & kThreadFlags) == kThreadFlags && thread_credits_ < kMaxCredits) {
    ++thread_credits_;
    threads_ = true;
    credit_ns_ = now;
  }
  active_ns_ = now;
}

void Census::OnWait(uint64_t now) {
  if (tracks_) Advance(now);
}

void Census::Advance(uint64_t now) {
  const uint64_t ticks = tick_ticks_ + (now > tick_ns_ ? (now - tick_ns_) / kTickNs : 0);
  const uint32_t cursor = proc::Cursor();
  if (cursor == 0) return;
  if (cursor == cursor_) {
    read_ticks_ = ticks;
    return;
  }
  active_ns_ = now;
  if (cursor < cursor_) {
    wrapped_ = true;
    pid_max_ = proc::PidMax();
  }
  PassedNumbers passed(cursor_, cursor, pid_max_);
  for (uint32_t number = passed.Next(); number != 0; number = passed.Next()) Pass(number, now);
  cursor_ = cursor;
  read_ticks_ = ticks;
}

void Census::Pass(uint32_t number, uint64_t now) {
  Process* process = table_.Find(number);
  if (process != nullptr) {
    if (process->phase == Process::Phase::kOwn) return;
    if (process->passed) return PassAgain(process, now);
    process->passed = true;
    return;
  }
  int pidfd = 0;
  switch (Look(number, &pidfd)) {
    case Sight::kProcess: {
      ProcessStat stat;
      // After a wrap, the number of a process in no slot is passed by as well.
      if (overflowed_ && wrapped_ && proc::ReadStat(number, &stat) && stat.start < read_ticks_) {
        return proc::Close(pidfd);
      }
      Process* appeared = Appear(number, pidfd, now);
      if (appeared != nullptr) appeared->passed = true;
      return;
    }
    case Sight::kThread: return PassThread(number);
    case Sight::kGone:
      if (wrapped_ && proc::IsGroup(number)) return;  // in use, though by nobody
      if (limbo_.Full()) DecideLimbo(now, 0);
      limbo_.Push(number, now);
  }
}

// The cursor goes by a number that it went by before: its process still has it, or another one has it now.
void Census::PassAgain(Process* process, uint64_t now) {
  const uint32_t number = process->pid;
  ProcessStat stat;
  if (proc::ReadStat(number, &stat)) {
    const bool ended = process->phase == Process::Phase::kEnded;
    if (stat.start < read_ticks_ || (stat.start == read_ticks_ && !ended)) return;
    Vanish(process, now);
    int pidfd = 0;
    if (Look(number, &pidfd) != Sight::kProcess) return PassThread(number);
    Process* appeared = Appear(number, pidfd, now);
    if (appeared != nullptr) appeared->passed = true;
    return;
  }
  Vanish(process, now);
  if (limbo_.Full()) DecideLimbo(now, 0);
  limbo_.Push(number, now);
}

void Census::PassThread(uint32_t number) {
  ProcessStat stat;
  if (wrapped_ && proc::ReadStat(number, &stat) && stat.start < read_ticks_) return;  // an old one, passed by
  ++accounted_;
  if (thread_credits_ > 0) --thread_credits_;
}

void Census::DecideLimbo(uint64_t now, uint64_t grace_ms) {
  int64_t unseen = -1;  // not asked yet
  while (limbo_.Size() != 0) {
    const Limbo::Entry oldest = limbo_.Oldest();
    if (grace_ms != 0 && Limbo::Milliseconds(now) - oldest.since_ms < grace_ms) return;
    limbo_.Pop();
    if (oldest.number == 0 || table_.Find(oldest.number) != nullptr) continue;
    int pidfd = 0;
    switch (Look(oldest.number, &pidfd)) {
      case Sight::kProcess: {
        Process* late = Appear(oldest.number, pidfd, now);
        if (late != nullptr) late->passed = true;
        break;
      }
      case Sight::kThread: PassThread(oldest.number); break;
      case Sight::kGone:
        if (thread_credits_ > 0) {
          --thread_credits_;
          break;
        }
        if (unseen < 0) unseen = UnseenStarts();
        if (unseen == 0) break;
        --unseen;
        ++accounted_;
        TellUnseen(oldest.number, now);
    }
  }
}

// At most so many tasks were started that nobody accounted for: a start that was refused has used up a number too.
int64_t Census::UnseenStarts() const {
  const uint64_t forks = proc::Forks();
  if (forks_base_ == 0 || forks == 0) return INT64_MAX;
  const int64_t unseen = static_cast<int64_t>(forks - forks_base_) - accounted_;
  return unseen > 0 ? unseen : 0;
}

// Starts on the rest of the machine make the bound loose, so it starts anew; those in limbo may lie before.
void Census::Rebase(uint64_t now) {
  const uint64_t forks = proc::Forks();
  if (forks == 0) return Advance(now);
  int64_t open = forks_base_ == 0 ? 0 : static_cast<int64_t>(forks - forks_base_) - accounted_;
  Advance(now);
  if (open < 0) open = 0;
  if (open > limbo_.Size()) open = limbo_.Size();
  forks_base_ = forks - static_cast<uint64_t>(open);
  accounted_ = 0;
}

void Census::Tick(uint64_t now) {
  if (!tracks_) return;
  ++tick_;
  tick_ns_ = now;
  tick_ticks_ = proc::BootTicks();
  Settle(now);
  Advance(now);
  DecideLimbo(now, kLimboMs);
  if (thread_credits_ > 0 && now - credit_ns_ > kCreditNs) thread_credits_ = 0;
}

}  // namespace guest
