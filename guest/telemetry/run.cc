// SPDX-License-Identifier: Apache-2.0
// The agent's loop: answers every notified call at once, tells what happened when the tick or the amount says so.
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "agent.h"
#include "census.h"
#include "guest/kernel.h"
#include "notified_call.h"
#include "outbox.h"

namespace guest {
namespace {

using wire::ProbeSource;

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kBusyTickNs = 20 * kMs;
constexpr uint64_t kIdleTickNs = wire::kAgentBeatMs * kMs * 9 / 10;
constexpr uint64_t kWalkNs = 100 * kMs;
constexpr uint64_t kFlushNs = wire::kAgentFlushMs * kMs * 8 / 10;  // init does not wait longer
constexpr uint32_t kFlushAt = 256;                                 // events
constexpr Comm kOwnName = {16, {'c', 'e', 'l', 'l', 'o', 's', '-', 't', 'e', 'l', 'e', 'm', 'e', 't', 'r', 'y'}};

Census census;
Outbox outbox;

class Loop {
 public:
  explicit Loop(const Agent& agent) : agent_(agent) {}

  void Start();
  void Turn();

 private:
  enum Place { kListener, kChannel, kInotify, kProcesses, kPlaces };

  void OnNotification(uint64_t now);
  void Answer(uint64_t id, bool refuse, bool* delivered);
  bool OnInotify(uint64_t now);  // false: there was nothing to read
  void OnProcesses(uint64_t now);
  void OnTick(uint64_t now);
  void Flush();
  [[noreturn]] void Finish();
  bool Tells(ProbeSource source) const { return (agent_.config.sources & wire::SourceBit(source)) != 0; }

  const Agent& agent_;
  uint64_t now_ = 0;  // of this turn
  uint64_t next_tick_ = 0, next_walk_ = 0, next_heartbeat_ = 0;
  bool blocked_ = false;  // the channel takes nothing now
  bool broken_ = false;   // and never will
};

void Loop::Start() {
  outbox.Start(agent_.config.ours, agent_.self);
  outbox.RelieveBy([](void* loop) { static_cast<Loop*>(loop)->Flush(); }, this);
  census.Start(agent_.config.sources, agent_.config.full, agent_.config.ours, agent_.self, &outbox, MonotonicNs());
  next_tick_ = now_ = MonotonicNs();
}

void Loop::Turn() {
  Beat(agent_.page);
  // The workload waits while the kernel goes through these: only what can have something to say is asked. A channel that
  // is not blocked tells its end when something is sent, and only in full are processes watched.
  pollfd watched[kPlaces] = {{agent_.listener, POLLIN, 0},
                             {blocked_ && !broken_ ? wire::kAgentChannelFd : -1, POLLOUT, 0},
                             {agent_.inotify, POLLIN, 0},
                             {agent_.config.full ? agent_.epoll : -1, POLLIN, 0}};
  const uint64_t wait = next_tick_ > now_ ? next_tick_ - now_ : 0;
  const timespec timeout = {0, static_cast<long>(wait)};
  const long ready = Sys(SYS_ppoll, watched, kPlaces, &timeout, nullptr, 0);
  if (ready < 0 && ready != -EINTR) Exit(wire::kAgentExitFailed);
  now_ = MonotonicNs();
  if (ready > 0) {
    if ((watched[kListener].revents & POLLIN) != 0) {
      OnNotification(now_);
    } else if (watched[kListener].revents != 0) {
      Finish();
    }
    if (watched[kInotify].revents != 0) OnInotify(now_);
    if (watched[kProcesses].revents != 0) OnProcesses(now_);
    if ((watched[kChannel].revents & (POLLHUP | POLLERR)) != 0) {
      broken_ = true;
    } else if (watched[kChannel].revents != 0) {
      blocked_ = false;
      Flush();
    }
  }
  if (now_ >= next_tick_) OnTick(now_);
  if (outbox.Waiting() >= kFlushAt) Flush();
}

// One call is taken and answered. What must be read while its process stands still is read before the answer.
void Loop::OnNotification(uint64_t now) {
  seccomp_notif request = {};
  if (Sys(SYS_ioctl, agent_.listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0) return;  // withdrawn meanwhile
  __atomic_store_n(&agent_.page->taken, agent_.page->taken + 1, __ATOMIC_RELAXED);
  const NotifiedCall call = Classify(request.data);
  ProbeSource source = {};
  Who who;
  switch (call) {
    case NotifiedCall::kExec: census.OnExec(request.pid, now); break;
    case NotifiedCall::kExit: census.OnExit(request.pid, request.data.args[0], now); break;
    case NotifiedCall::kClone:
      census.OnClone(request.data.nr == SYS_clone ? request.data.args[0] : 0, now);
      break;
    case NotifiedCall::kWait: census.OnWait(now); break;
    case NotifiedCall::kConnect:
    case NotifiedCall::kDenied:
      source = call == NotifiedCall::kConnect ? ProbeSource::kNetConnectAttempted : ProbeSource::kCapabilityDenied;
      if (Tells(source)) who = census.Identify(request.pid, now);
      break;
  }
  bool delivered = false;
  Answer(request.id, call == NotifiedCall::kDenied, &delivered);
  if (call == NotifiedCall::kExit) census.AfterExit(delivered, now);
  if (who.pid != 0) outbox.Put({now, who.pid, source, who.comm});
  if (next_tick_ > now + kBusyTickNs) next_tick_ = now + kBusyTickNs;
}

void Loop::Answer(uint64_t id, bool refuse, bool* delivered) {
  seccomp_notif_resp response = {};
  response.id = id;
  if (refuse) {
    response.error = -EPERM;
  } else {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  }
  *delivered = Sys(SYS_ioctl, agent_.listener, SECCOMP_IOCTL_NOTIF_SEND, &response) >= 0;
  __atomic_store_n(&agent_.page->answered, agent_.page->answered + 1, __ATOMIC_RELAXED);
}

// The records are not looked at: they hold names of the workload's choice.
bool Loop::OnInotify(uint64_t now) {
  alignas(8) char records[4096];
  if (agent_.inotify < 0 || Sys(SYS_read, agent_.inotify, records, sizeof records) <= 0) return false;
  outbox.Put({now, agent_.self, ProbeSource::kFsInotifyFired, kOwnName});
  return true;
}

void Loop::OnProcesses(uint64_t now) {
  epoll_event events[32];
  const long count = Sys(SYS_epoll_pwait, agent_.epoll, events, 32, 0, nullptr, 0);
  for (long i = 0; i < count; ++i) {
    const uint64_t data = events[i].data.u64;
    census.OnPidfd(static_cast<uint32_t>(data), static_cast<uint32_t>(data >> 32), now);
  }
}

void Loop::OnTick(uint64_t now) {
  census.Tick(now);
  if (now >= next_walk_ || census.Crowded()) {
    census.Walk(now);
    next_walk_ = now + kWalkNs;
  }
  if (agent_.config.ours && now >= next_heartbeat_) {
    if (outbox.Waiting() < Outbox::kCapacity) outbox.Put({now, agent_.self, ProbeSource::kAgentHeartbeat, kOwnName});
    next_heartbeat_ = now + agent_.config.heartbeat_ms * kMs;
  }
  next_tick_ = now + (census.Busy(now) ? kBusyTickNs : kIdleTickNs);
  Flush();
}

void Loop::Flush() {
  while (!blocked_ && !broken_) {
    const wire::Bytes bytes = outbox.Pending();
    if (bytes.size == 0) return;
    const long count = Sys(SYS_sendto, wire::kAgentChannelFd, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL,
                           nullptr, 0);
    if (count > 0) {
      outbox.Taken(static_cast<size_t>(count));
    } else if (count == -EAGAIN) {
      blocked_ = true;
    } else if (count != -EINTR) {
      broken_ = true;
    }
  }
}

// Nobody has the workload's filter any more.
void Loop::Finish() {
  for (uint32_t reads = 0; reads < kFlushAt && OnInotify(MonotonicNs()); ++reads) {
  }
  census.Finish(MonotonicNs());
  const uint64_t deadline = MonotonicNs() + kFlushNs;
  for (;;) {
    blocked_ = false;
    Flush();
    if (outbox.Empty()) break;
    if (broken_ || MonotonicNs() >= deadline) Exit(wire::kAgentExitUntold);
    Beat(agent_.page);
    pollfd channel = {wire::kAgentChannelFd, POLLOUT, 0};
    const timespec pause = {0, 20 * kMs};
    Sys(SYS_ppoll, &channel, 1, &pause, nullptr, 0);
  }
  __atomic_store_n(&agent_.page->finished, 1u, __ATOMIC_RELEASE);
  Exit(wire::kAgentExitTold);
}

}  // namespace

void Run(const Agent& agent) {
  static Loop loop(agent);
  loop.Start();
  const uint8_t armed = wire::kAgentArmed;
  Sys(SYS_sendto, wire::kAgentHandoverFd, &armed, 1, MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
  Sys(SYS_close, wire::kAgentHandoverFd);
  for (;;) loop.Turn();
}

}  // namespace guest

extern "C" int main() {
  static guest::Agent agent;
  guest::Arm(&agent);
  guest::Run(agent);
}
