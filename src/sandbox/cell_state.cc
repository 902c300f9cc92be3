// SPDX-License-Identifier: Apache-2.0
// A live cell: its events, signals and end.
#include "sandbox/cell_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <charconv>

#include "sandbox/kernel_text.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/socket.h"

namespace sandbox {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDestructorDeadline{10000};

// The process of a pidfd, in our pid namespace. One that has ended has none.
base::Result<pid_t> PidOf(int pidfd) {
  const std::string info = TRY(sys::ReadFile(AT_FDCWD, fmt::format("/proc/self/fdinfo/{}", pidfd), 4096));
  const std::string_view text = StatusText(info).Find("Pid").value_or("");
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  if (pid > 0) return pid;
  return base::Fail(base::ErrorKind::kInternal, "the cell's witness is gone");
}

CellEvent OfAgent(const wire::InitReport& report) {
  CellEvent event{.kind = CellEventKind::kAgentFailed};
  event.hung = report.kind == wire::ReportKind::kAgentHung;
  if (event.hung) return event;
  (report.code == CLD_EXITED ? event.end.exit_code : event.end.signal) = report.status;
  event.end.filter_killed = report.code != CLD_EXITED && report.status == SIGSYS;
  return event;
}

enum Tag : std::uint64_t { kOuter, kReport, kControl, kBarrier };

}  // namespace

base::Result<> Cell::State::Hold(pid_t leader_now) {
  leader_pid = leader_now;
  leader = TRY(sys::PidfdOpen(leader_now));
  // Through the leader: of all processes of the cell only it can be looked into, until it execs.
  root = TRY(sys::OpenAt(AT_FDCWD, fmt::format("/proc/{}/root", leader_now), O_PATH | O_DIRECTORY));
  mounts = TRY(sys::OpenAt(AT_FDCWD, fmt::format("/proc/{}/ns/mnt", leader_now), O_RDONLY));
  if (agent) agent_pid = TRY(PidOf(agent.get()));
  TRY(sys::SetPassCredentials(channels.control.get(), false));
  events = TRY(sys::Epoll::Create());
  TRY(events->Add(outer.get(), EPOLLIN, kOuter));
  TRY(events->Add(channels.report.get(), EPOLLIN, kReport));
  TRY(events->Add(channels.control.get(), EPOLLIN, kControl));
  return {};
}

void Cell::State::Forget(base::UniqueFd& channel) {
  if (!channel) return;
  if (events) (void)events->Remove(channel.get());
  channel.Reset();
}

base::Result<bool> Cell::State::NoticeExec() {
  if (executed || !barrier_open || !channels.barrier) return false;
  char byte;
  auto received = sys::RecvMsg(channels.barrier.get(), {&byte, 1}, MSG_DONTWAIT);
  if (!received && received.error().os_errno == EAGAIN) return false;
  if (!received && received.error().os_errno == ECONNRESET) {
    Forget(channels.barrier);  // it ended before it took its environment
    return false;
  }
  // Only the end of the channel says that execve closed it.
  if (TRY(std::move(received)).bytes != 0) return false;
  executed = true;
  Forget(channels.barrier);
  return true;
}

base::Result<std::optional<CellEvent>> Cell::State::ReadControl() {
  if (!channels.control) return std::nullopt;
  wire::InitReport report;
  auto received = sys::RecvMsg(channels.control.get(), {reinterpret_cast<char*>(&report), sizeof report}, MSG_DONTWAIT);
  if (!received && received.error().os_errno == EAGAIN) return std::nullopt;
  if (!received && received.error().os_errno != ECONNRESET) return std::unexpected(std::move(received).error());
  if (!received || received->bytes != sizeof report) {
    Forget(channels.control);  // the reaper is gone; outer init follows
    return std::nullopt;
  }
  switch (report.kind) {
    case wire::ReportKind::kExecFailed:
      executed = true;
      Forget(channels.barrier);
      return CellEvent{.kind = CellEventKind::kExecFailed, .error_number = report.error};
    case wire::ReportKind::kEnded: {
      CellEvent event{.kind = CellEventKind::kWorkloadEnded};
      if (report.code == CLD_EXITED) {
        event.end.exit_code = report.status;
      } else {
        event.end.signal = report.status;
        event.end.filter_killed = report.status == SIGSYS;
      }
      return event;
    }
    default: return std::nullopt;
  }
}

base::Result<std::optional<CellEvent>> Cell::State::ReadReport() {
  if (!channels.report) return std::nullopt;
  wire::InitReport report;
  auto received = sys::RecvMsg(channels.report.get(), {reinterpret_cast<char*>(&report), sizeof report}, MSG_DONTWAIT);
  if (!received && received.error().os_errno == EAGAIN) return std::nullopt;
  if (!received && received.error().os_errno != ECONNRESET) return std::unexpected(std::move(received).error());
  if (!received || received->bytes != sizeof report) {
    Forget(channels.report);
    return std::nullopt;
  }
  switch (report.kind) {
    case wire::ReportKind::kTtlExpired: return CellEvent{.kind = CellEventKind::kTtlExpired};
    case wire::ReportKind::kAgentFailed:
    case wire::ReportKind::kAgentHung: return OfAgent(report);
    default: return std::nullopt;
  }
}

bool Cell::State::End(milliseconds deadline) {
  if (!outer || reaped) return true;
  const auto killed = sys::PidfdSendSignal(outer.get(), SIGKILL);
  if (!killed) {
    // Without the signal there is still the death pipe.
    Forget(channels.report);
    Forget(channels.control);
    Forget(channels.barrier);
  }
  constexpr int kAttempts = 3;  // a call that failed for want of a resource may do better the next time
  bool ended = false;
  for (int i = 0; i < kAttempts && !ended; ++i) {
    const auto waited = sys::WaitEnd(outer.get(), deadline);
    ended = waited && *waited;
    if (waited && !*waited) return false;
  }
  if (ended) Reap();
  return ended;
}

void Cell::State::Reap() {
  // A program that chose to have no zombies (SIGCHLD ignored) gets ECHILD, which is as good.
  for (int i = 0; i < 3 && !reaped; ++i) {
    const auto end = sys::WaitId(outer.get(), WEXITED | WNOHANG);
    reaped = end || end.error().os_errno == ECHILD;
  }
}

Cell::State::~State() { End(kDestructorDeadline); }

Cell::Cell(std::unique_ptr<State> state) : state_(std::move(state)) {}
Cell::Cell(Cell&&) noexcept = default;
Cell& Cell::operator=(Cell&&) noexcept = default;
Cell::~Cell() = default;

pid_t Cell::outer_pid() const { return state_->outer_pid; }
pid_t Cell::workload_pid() const { return state_->leader_pid; }
pid_t Cell::agent_pid() const { return state_->agent_pid; }
int Cell::agent_pidfd() const { return state_->agent.get(); }
int Cell::workload_pidfd() const { return state_->leader.get(); }
base::UniqueFd Cell::TakeTerminal() { return std::move(state_->terminal); }
base::UniqueFd Cell::TakeDenials() { return std::move(state_->denials); }
base::UniqueFd Cell::TakeNetfilter() { return std::move(state_->netfilter); }
base::UniqueFd Cell::TakeFlowLog() { return std::move(state_->flow_log); }
int Cell::netfilter() const { return state_->netfilter.get(); }
int Cell::root_directory() const { return state_->root.get(); }
int Cell::event_fd() const { return state_->events->get(); }

base::Result<> Cell::OpenBarrier(std::span<const std::string_view> secret_environment) {
  if (state_->barrier_open) return base::Fail(base::ErrorKind::kInternal, "the barrier was opened before");
  std::size_t bytes = 0;
  for (const std::string_view text : secret_environment) {
    if (text.find('\0') != std::string_view::npos) return base::Fail(base::ErrorKind::kInvalid, "a secret holds a NUL byte");
    bytes += text.size() + 1;
  }
  if (bytes > wire::kMaxBarrierBytes || secret_environment.size() > wire::kMaxBarrierTexts) {
    return base::Fail(base::ErrorKind::kLimit, "the secrets of the cell are larger than its environment takes");
  }
  wire::BarrierHeader header;
  header.count = static_cast<std::uint32_t>(secret_environment.size());
  header.bytes = static_cast<std::uint32_t>(bytes);
  const int barrier = state_->channels.barrier.get();
  TRY(sys::SetSendTimeout(barrier, 10000));
  TRY(state_->events->Add(barrier, EPOLLIN | EPOLLRDHUP, kBarrier));
  const auto send = [barrier](std::string_view part) -> base::Result<> {
    while (!part.empty()) part.remove_prefix(TRY(sys::SendMsg(barrier, part)));
    return {};
  };
  state_->barrier_open = true;
  TRY_WITH("barrier", send({reinterpret_cast<const char*>(&header), sizeof header}));
  for (const std::string_view text : secret_environment) {
    TRY_WITH("barrier", send(text));
    TRY_WITH("barrier", send(std::string_view("", 1)));
  }
  return {};
}

base::Result<std::optional<CellEvent>> Cell::ReadEvent() {
  State& state = *state_;
  if (state.queued) return std::exchange(state.queued, std::nullopt);
  if (state.gone_told) return std::nullopt;
  // Looked at first, since what comes after it would otherwise be taken for a part of the same moment.
  const auto outer_ended = sys::WaitEnd(state.outer.get(), milliseconds(0));
  const bool exec_noticed = TRY(state.NoticeExec());
  auto event = TRY(state.ReadControl());
  if (exec_noticed) {
    if (event && event->kind == CellEventKind::kExecFailed) return event;
    state.queued = event;
    return CellEvent{.kind = CellEventKind::kExecuted};
  }
  if (event && event->kind == CellEventKind::kWorkloadEnded && TRY(state.NoticeExec())) {
    state.queued = event;
    return CellEvent{.kind = CellEventKind::kExecuted};
  }
  if (event) return event;
  event = TRY(state.ReadReport());
  if (event) return event;
  if (outer_ended && *outer_ended) {
    state.Reap();
    state.gone_told = true;
    (void)state.events->Remove(state.outer.get());
    state.Forget(state.channels.barrier);
    state.Forget(state.channels.control);
    state.Forget(state.channels.report);
    return CellEvent{.kind = CellEventKind::kGone};
  }
  return std::nullopt;
}

base::Result<> Cell::Signal(int signal) {
  if (signal < 1 || signal > 64) return base::Fail(base::ErrorKind::kInvalid, "no such signal");
  if (!state_->channels.control) return {};  // nobody is left to take it
  const char byte = static_cast<char>(signal);
  auto sent = sys::SendMsg(state_->channels.control.get(), {&byte, 1}, {}, MSG_DONTWAIT);
  if (sent || sent.error().os_errno == EPIPE || sent.error().os_errno == ECONNRESET) return {};
  return std::unexpected(std::move(sent).error());
}

base::Result<> Cell::Kill(milliseconds deadline) {
  if (state_->End(deadline)) return {};
  return base::Fail(base::ErrorKind::kDeadline,
                    fmt::format("process {} of the cell did not end within {} ms of SIGKILL; it hangs in the kernel",
                                state_->outer_pid, deadline.count()));
}

}  // namespace sandbox
