// SPDX-License-Identifier: Apache-2.0
// A helper's start: the child's steps as for a cell, but with an empty root and no init in between.
#include "sandbox/locked_process.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/encoding.h"
#include "sandbox/child.h"
#include "sandbox/identity.h"
#include "sandbox/signals_blocked.h"
#include "sys/file.h"
#include "sys/poll.h"
#include "sys/process.h"
#include "sys/socket.h"

namespace sandbox {
namespace {

using internal::Must;
using wire::StartPhase;

// A network namespace takes the kernel longer than everything else of a start: the child makes it, beside its parent.
constexpr std::uint64_t kBornInto = CLONE_NEWUSER | CLONE_NEWPID;
constexpr std::uint64_t kMadeThere = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
constexpr int kFirst = 3;
constexpr std::size_t kMaxDescriptors = 32;

// The parent may have ended before the signal was asked for; its socket tells.
void DieWithParent(const ChildContext& context) {
  internal::Enter(context, StartPhase::kSession);
  Must(context, sys::Raw("prctl", SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "parent's end");
  pollfd report = {context.report, 0, 0};
  const timespec now = {};
  Must(context, sys::Raw("ppoll", SYS_ppoll, &report, 1, &now, nullptr, 0), "parent's end");
  if ((report.revents & POLLHUP) != 0) internal::Fail(context, -EPIPE, "parent's end");
}

void UnblockSignals(const ChildContext& context) {
  const std::uint64_t none = 0;
  Must(context, sys::Raw("rt_sigprocmask", SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none), "signals");
}

// First above all numbers in question, then down.
[[noreturn]] void Execute(const ChildContext& context, const LockedOptions& options, int null) {
  internal::Enter(context, StartPhase::kExec);
  constexpr int kAbove = kFirst + static_cast<int>(kMaxDescriptors);
  int moved[kMaxDescriptors];
  const auto lift = [&](int fd) {
    return static_cast<int>(Must(context, sys::Raw("fcntl", SYS_fcntl, fd, F_DUPFD_CLOEXEC, kAbove), "descriptors"));
  };
  const int program = lift(options.program);
  ChildContext reporting = context;
  reporting.report = lift(context.report);
  const int null_above = lift(null);
  const std::size_t count = options.descriptors.size();
  for (std::size_t i = 0; i < count; ++i) moved[i] = options.descriptors[i] < 0 ? null_above : lift(options.descriptors[i]);
  sys::Raw("close_range", SYS_close_range, 0, kAbove - 1, 0);
  for (int number = 0; number < kFirst; ++number) {
    Must(reporting, sys::Raw("dup3", SYS_dup3, null_above, number, 0), "descriptors");
  }
  for (std::size_t i = 0; i < count; ++i) {
    Must(reporting, sys::Raw("dup3", SYS_dup3, moved[i], kFirst + i, 0), "descriptors");
  }
  const char* const arguments[] = {options.name, nullptr};
  const char* const environment[] = {nullptr};
  const long result = sys::Raw("execveat", SYS_execveat, program, "", arguments, environment, AT_EMPTY_PATH);
  internal::Fail(reporting, result, options.name);
}

void LeaveNamespaces(const ChildContext& context) {
  internal::Enter(context, StartPhase::kNamespaces);
  Must(context, sys::Raw("unshare", SYS_unshare, kMadeThere), "unshare");
}

[[noreturn]] void RunLocked(const ChildContext& context, const LockedOptions& options, int null) {
  using namespace internal;
  LeaveCaller(context);
  BecomeCellUser(context);
  LeaveNamespaces(context);
  if (options.loopback) RaiseLoopback(context);
  EnterRoot(context, BuildEmptyRoot(context));
  LockPrivileges(context);
  DropPrivileges(context);
  DieWithParent(context);
  UnblockSignals(context);
  Execute(context, options, null);
}

base::Error StartError(const char* name, const wire::InitReport& report) {
  const auto phase = std::min(report.phase, StartPhase::kExec);
  const std::string_view detail(report.detail, strnlen(report.detail, sizeof report.detail));
  return base::OsError(report.error, fmt::format("start of {}, phase {}, \"{}\"", name,
                                                 wire::kPhaseNames[static_cast<std::uint32_t>(phase)],
                                                 base::Escape(detail)));
}

// Whoever has ended before it was let go can't be let go; its reason lies in the channel, which AwaitProgram reads.
bool HasEnded(int channel) {
  pollfd wait = {channel, POLLIN, 0};
  return sys::Poll({&wait, 1}, std::chrono::milliseconds(0)).value_or(0) != 0;
}

// One message of the child: "v" once it shows itself, a report of its failure, nothing once it executed.
base::Result<std::size_t> Await(int report, const char* name, std::chrono::milliseconds deadline) {
  pollfd wait = {report, POLLIN, 0};
  if (TRY(sys::Poll({&wait, 1}, deadline)) == 0) {
    return base::Fail(base::ErrorKind::kDeadline, fmt::format("start of {} did not end within {} ms", name, deadline.count()));
  }
  wire::InitReport message;
  const auto receive = [&] {
    return sys::RecvMsg(report, {reinterpret_cast<char*>(&message), sizeof message}, MSG_DONTWAIT);
  };
  auto received = receive();
  // An end that left our word unread is told before what was said last, once.
  if (!received && received.error().os_errno == ECONNRESET) received = receive();
  if (!received && received.error().os_errno == ECONNRESET) return 0;
  if (!received) return std::unexpected(std::move(received).error());
  if (received->bytes == sizeof message) return std::unexpected(StartError(name, message));
  return received->bytes;
}

}  // namespace

LockedProcess::LockedProcess(LockedProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      report_(std::move(other.report_)),
      name_(other.name_) {}

LockedProcess& LockedProcess::operator=(LockedProcess&& other) noexcept {
  if (this != &other) {
    End(std::chrono::seconds(10));
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    report_ = std::move(other.report_);
    name_ = other.name_;
  }
  return *this;
}

LockedProcess::~LockedProcess() { End(std::chrono::seconds(10)); }

bool LockedProcess::End(std::chrono::milliseconds deadline) {
  if (!pidfd_) return true;
  (void)sys::PidfdSendSignal(pidfd_.get(), SIGKILL);
  const auto ended = sys::WaitEnd(pidfd_.get(), deadline);
  if (!ended || !*ended) return false;
  (void)sys::WaitId(pidfd_.get(), WEXITED | WNOHANG);
  pidfd_.Reset();
  pid_ = -1;
  return true;
}

// Up to where the child can go on alone.
base::Result<> LockedProcess::FollowStart(const LockedOptions& options, bool hidden) {
  if (hidden && TRY(Await(report_.get(), name_, options.deadline)) == 0) {
    return base::Fail(base::ErrorKind::kInternal, fmt::format("start of {}: it ended before its program ran", name_));
  }
  const auto let_go = [&]() -> base::Result<> {
    TRY(WriteIdMaps(pid_, options.host_uid, options.host_gid, geteuid() != 0, options.seen_uid));
    TRY(sys::SendMsg(report_.get(), "g"));
    return {};
  };
  auto gone_on = let_go();
  if (gone_on || !HasEnded(report_.get())) return gone_on;
  return {};
}

base::Result<> LockedProcess::AwaitProgram(std::chrono::milliseconds deadline) {
  if (!report_) return {};
  while (TRY(Await(report_.get(), name_, deadline)) != 0) {
  }
  report_.Reset();
  // The end of the channel is an exec or an end. Not both: a program that ends at once is the caller's matter, but a
  // child that was killed on the way has not run one.
  const auto end = TRY(sys::WaitId(pidfd_.get(), WEXITED | WNOHANG | WNOWAIT));
  if (end && end->code != CLD_EXITED) {
    return base::Fail(base::ErrorKind::kInternal, fmt::format("start of {}: it was killed", name_));
  }
  return {};
}

base::Result<LockedProcess> LaunchLocked(const LockedOptions& options) {
  LockedProcess process = TRY(StartLocked(options));
  TRY(process.AwaitProgram(options.deadline));
  return process;
}

base::Result<LockedProcess> StartLocked(const LockedOptions& options) {
  if (options.descriptors.size() > kMaxDescriptors) {
    return base::Fail(base::ErrorKind::kLimit, fmt::format("{} is given too many descriptors", options.name));
  }
  const base::UniqueFd null = TRY(sys::OpenAt(AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY));
  auto [ours, theirs] = TRY(sys::SocketPair(SOCK_SEQPACKET));
  std::vector<int> keep(options.descriptors.begin(), options.descriptors.end());
  keep.insert(keep.end(), {options.program, null.get(), theirs.get()});
  std::erase_if(keep, [](int fd) { return fd < 0; });
  std::ranges::sort(keep);
  keep.erase(std::unique(keep.begin(), keep.end()), keep.end());

  std::atomic<std::uint32_t> phase{0};
  ChildContext context;
  context.phase = &phase;
  context.keep = keep;
  context.report = theirs.get();
  context.by_root = geteuid() == 0;
  context.hidden = !context.by_root && prctl(PR_GET_DUMPABLE) != 1;
  LockedProcess process;
  {
    const SignalsBlocked blocked;
    auto child = TRY_WITH(options.name, sys::Clone3(kBornInto, options.cgroup));
    if (child.pid == 0) RunLocked(context, options, null.get());
    process.pid_ = child.pid;
    process.pidfd_ = std::move(child.pidfd);
  }
  theirs.Reset();  // so that its end is seen
  process.report_ = std::move(ours);
  process.name_ = options.name;
  TRY(process.FollowStart(options, context.hidden));
  return process;
}

}  // namespace sandbox
