// SPDX-License-Identifier: Apache-2.0
// The parent's side of a start: what is prepared, the clone, the wait for the workload at its barrier.
#include "sandbox/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "base/encoding.h"
#include "sandbox/cell_state.h"
#include "sandbox/child.h"
#include "sandbox/identity.h"
#include "sandbox/init_image.h"
#include "sandbox/record.h"
#include "sandbox/signals_blocked.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/socket.h"

namespace sandbox {
namespace {

using std::chrono::milliseconds;
using wire::StartPhase;

constexpr std::uint64_t kNamespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

std::string_view NameOf(StartPhase phase) { return wire::kPhaseNames[static_cast<std::uint32_t>(phase)]; }

base::Error AtPhase(base::Error error, StartPhase phase) {
  if (error.step.empty()) error.step = NameOf(phase);
  return error;
}

// The word in which the child notes its phase; shared memory, because the child is a copy otherwise.
class PhaseWord {
 public:
  static base::Result<PhaseWord> Create() {
    void* page = mmap(nullptr, sizeof(Word), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return base::FailOs(errno, "mmap of the phase word");
    return PhaseWord(new (page) Word(0));
  }
  PhaseWord(PhaseWord&& other) noexcept : word_(std::exchange(other.word_, nullptr)) {}
  PhaseWord(const PhaseWord&) = delete;
  ~PhaseWord() {
    if (word_ != nullptr) munmap(word_, sizeof(Word));
  }
  std::atomic<std::uint32_t>* get() const { return word_; }
  // A value that the child made up is still a phase.
  StartPhase Read() const {
    const std::uint32_t value = word_->load(std::memory_order_relaxed);
    return static_cast<StartPhase>(std::min(value, static_cast<std::uint32_t>(StartPhase::kCount) - 1));
  }
  void Set(StartPhase phase) { word_->store(static_cast<std::uint32_t>(phase), std::memory_order_relaxed); }

 private:
  using Word = std::atomic<std::uint32_t>;
  explicit PhaseWord(Word* word) : word_(word) {}
  Word* word_;
};

// What lives from Launch's first line to the clone; the parent's copies of the child's ends go with it.
struct Prepared {
  base::UniqueFd report, control, barrier, record, null, agent_config, agent_page;
  std::vector<base::UniqueFd> grants;
  int image = -1, agent_image = -1;
  std::vector<int> grant_numbers, task_numbers, keep;

  void Keep(int fd) {
    if (fd >= 0) keep.push_back(fd);
  }
};

base::Result<> OpenMissingStreams(const plan::Plan& plan, Streams& streams) {
  if (plan.terminal) return {};
  for (base::UniqueFd* stream : {&streams.in, &streams.out, &streams.err}) {
    if (!*stream) *stream = TRY(sys::OpenAt(AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY));
  }
  return {};
}

base::Result<Prepared> Prepare(LaunchOptions& options, Channels& channels) {
  const plan::Plan& plan = *options.plan;
  Prepared prepared;
  TRY(OpenMissingStreams(plan, options.streams));
  if (plan.network) prepared.null = TRY(sys::OpenAt(AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY));
  prepared.image = TRY(InitImage());
  prepared.record = TRY(MakeRecord(plan, options.ttl_deadline));
  if (plan.telemetry) {
    prepared.agent_image = TRY(AgentImage());
    prepared.agent_config = TRY(MakeAgentConfig(*plan.telemetry));
    prepared.agent_page = TRY(MakeAgentPage());
  }
  std::tie(channels.report, prepared.report) = TRY(sys::SocketPair(SOCK_SEQPACKET));
  std::tie(channels.control, prepared.control) = TRY(sys::SocketPair(SOCK_SEQPACKET));
  std::tie(channels.barrier, prepared.barrier) = TRY(sys::SocketPair(SOCK_STREAM));
  TRY(sys::SetPassCredentials(channels.control.get(), true));
  if (geteuid() == 0) {
    prepared.grants = TRY(CloneGrants(plan, options.host_uid, options.host_gid));
  } else {
    prepared.grants.resize(plan.facts.grants.size());
  }
  for (const base::UniqueFd& tree : prepared.grants) {
    prepared.grant_numbers.push_back(tree.get());
    prepared.Keep(tree.get());
  }
  for (const int fd : {prepared.report.get(), prepared.control.get(), prepared.barrier.get(), prepared.record.get(),
                       prepared.image, prepared.agent_image, prepared.agent_config.get(), prepared.agent_page.get(),
                       options.agent_channel, options.gate_channel, prepared.null.get(), options.streams.in.get(),
                       options.streams.out.get(), options.streams.err.get()}) {
    prepared.Keep(fd);
  }
  for (const base::UniqueFd& tasks : options.cgroup_tasks) {
    prepared.task_numbers.push_back(tasks.get());
    prepared.Keep(tasks.get());
  }
  std::ranges::sort(prepared.keep);
  return prepared;
}

ChildContext MakeContext(const LaunchOptions& options, const Prepared& prepared, const PhaseWord& phase) {
  ChildContext context;
  context.plan = options.plan;
  context.phase = phase.get();
  context.keep = prepared.keep;
  context.report = prepared.report.get();
  context.reaper_control = prepared.control.get();
  context.barrier = prepared.barrier.get();
  context.record = prepared.record.get();
  context.init_image = prepared.image;
  context.agent_image = prepared.agent_image;
  context.agent_config = prepared.agent_config.get();
  context.agent_page = prepared.agent_page.get();
  context.agent_channel = options.agent_channel;
  context.gate = options.gate_channel;
  context.null = prepared.null.get();
  context.in = options.streams.in.get();
  context.out = options.streams.out.get();
  context.err = options.streams.err.get();
  context.grant_trees = prepared.grant_numbers;
  context.cgroup_tasks = prepared.task_numbers;
  context.by_root = geteuid() == 0;
  context.hidden = !context.by_root && prctl(PR_GET_DUMPABLE) != 1;
  return context;
}

base::Error StartError(const wire::InitReport& report) {
  const auto phase = std::min(report.phase, StartPhase::kExec);
  std::string what = fmt::format("start of the cell, phase {}", NameOf(phase));
  const std::string_view detail(report.detail, strnlen(report.detail, sizeof report.detail));
  if (!detail.empty()) what += fmt::format(", \"{}\"", base::Escape(detail));
  if (report.error == ESTALE) what += " (no longer what it was when the plan was made)";
  base::Error error = base::OsError(report.error, what);
  error.step = NameOf(phase);
  return error;
}

// The witness ended, or gave no sign any more, before the workload could start.
base::Error AgentError(const wire::InitReport& report) {
  std::string how = "gave no sign any more";
  if (report.kind == wire::ReportKind::kAgentFailed) {
    how = report.code == CLD_EXITED ? fmt::format("exited with code {}", report.status)
                                    : fmt::format("was killed by signal {}", report.status);
  }
  base::Error error{base::ErrorKind::kInternal, fmt::format("start of the cell: the witness {}", how)};
  error.step = NameOf(StartPhase::kAgent);
  return error;
}

// The witness has but an error number for what it could not set up; nearly always it is the path to watch.
base::Error NamingWatched(base::Error error, const plan::Plan& plan) {
  if (error.step == NameOf(StartPhase::kAgent) && error.os_errno != 0 && plan.telemetry &&
      !plan.telemetry->watch_path.empty()) {
    error.message += fmt::format("; the witness was to watch \"{}\"", base::Escape(plan.telemetry->watch_path));
  }
  return error;
}

// What the child passes to the parent.
struct Passed {
  base::UniqueFd& terminal;
  base::UniqueFd& denials;
  base::UniqueFd& netfilter;
  base::UniqueFd& flow_log;
  base::UniqueFd& agent;
};

// Waits until the workload's leader has announced itself on the control channel.
class StartWatch {
 public:
  StartWatch(const Channels& channels, int outer, PhaseWord& phase, milliseconds limit)
      : channels_(channels), outer_(outer), phase_(phase), limit_(limit), seen_(phase.Read()) {}

  // The leader's pid in our pid namespace.
  base::Result<pid_t> AwaitReady(Passed passed) {
    since_ = base::SystemClock().Boot();
    pollfd fds[] = {{channels_.control.get(), POLLIN, 0}, {channels_.report.get(), POLLIN, 0}, {outer_, POLLIN, 0}};
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(since_ + limit_ - base::SystemClock().Boot());
      const int ready = TRY(sys::Poll(fds, std::max(left, milliseconds(0))));
      if (ready == 0) TRY(CheckDeadline());
      // The end of a process closes its channels before anyone is told why: what was sent is read first.
      const bool ended = fds[2].revents != 0;
      bool heard = false;
      for (pollfd& channel : std::span(fds).first(2)) {
        if (channel.fd < 0 || channel.revents == 0) continue;
        const Heard one = TRY(ReadOne(channel.fd, passed));
        if (one.leader > 0) {
          TRY(ReadWhatWasPassed(passed));
          return one.leader;
        }
        if (one.closed) channel.fd = -1;
        heard = true;
      }
      if (ended && !heard) return std::unexpected(Ended());
    }
  }

 private:
  // A phase that has begun since the last look gets its own time.
  base::Result<> CheckDeadline() {
    const StartPhase now = phase_.Read();
    if (now == seen_) {
      base::Error error{base::ErrorKind::kDeadline,
                        fmt::format("start of the cell: phase {} did not end within {} ms", NameOf(now), limit_.count())};
      error.step = NameOf(now);
      return std::unexpected(std::move(error));
    }
    seen_ = now;
    since_ = base::SystemClock().Boot();
    return {};
  }

  base::Error Ended() const {
    base::Error error{base::ErrorKind::kInternal,
                      fmt::format("start of the cell: its first process ended in phase {}", NameOf(phase_.Read()))};
    error.step = NameOf(phase_.Read());
    return error;
  }

  struct Heard {
    pid_t leader = 0;
    bool closed = false;
    bool nothing = false;
  };

  // Two channels have no order, but what the first process passed was sent before there was a leader.
  base::Result<> ReadWhatWasPassed(Passed& passed) {
    for (int i = 0; i < kMostReports; ++i) {
      const Heard one = TRY(ReadOne(channels_.report.get(), passed));
      if (one.closed || one.nothing) break;
    }
    return {};
  }

  // A witness that can't be armed tells the leader why, ends, and is told of by outer init: the reason may lie unread.
  base::Error TellsWhy(base::Error otherwise, Passed& passed) {
    for (int i = 0; i < kMostReports; ++i) {
      auto one = ReadOne(channels_.control.get(), passed);
      if (!one) return std::move(one).error();
      if (one->closed || one->nothing) break;
    }
    return otherwise;
  }

  base::Result<Heard> ReadOne(int channel, Passed& passed) {
    wire::InitReport report;
    const auto receive = [&] {
      return sys::RecvMsg(channel, {reinterpret_cast<char*>(&report), sizeof report}, MSG_DONTWAIT);
    };
    auto received = receive();
    // An end that left our word unread is told before what was said last, once.
    if (!received && received.error().os_errno == ECONNRESET) received = receive();
    if (!received && received.error().os_errno == EAGAIN) return Heard{.nothing = true};
    if (!received || received->bytes != sizeof report) return Heard{.closed = true};
    switch (report.kind) {
      case wire::ReportKind::kTerminal:
        if (received->fds.size() == 1) passed.terminal = std::move(received->fds[0]);
        return Heard{};
      case wire::ReportKind::kDenials:
        if (received->fds.size() == 1) passed.denials = std::move(received->fds[0]);
        return Heard{};
      case wire::ReportKind::kNetfilter:
        if (received->fds.size() != 2) break;
        passed.netfilter = std::move(received->fds[0]);
        passed.flow_log = std::move(received->fds[1]);
        return Heard{};
      case wire::ReportKind::kAgent:
        if (received->fds.size() == 1) passed.agent = std::move(received->fds[0]);
        return Heard{};
      case wire::ReportKind::kAgentFailed:
      case wire::ReportKind::kAgentHung: return std::unexpected(TellsWhy(AgentError(report), passed));
      case wire::ReportKind::kEntered: phase_.Set(std::min(report.phase, StartPhase::kExec)); return Heard{};
      case wire::ReportKind::kReady:
        if (!received->credentials || received->credentials->pid <= 0) break;
        return Heard{.leader = received->credentials->pid};
      case wire::ReportKind::kFailed: return std::unexpected(StartError(report));
      default: break;
    }
    return std::unexpected(Ended());
  }

  static constexpr int kMostReports = 64;

  const Channels& channels_;
  const int outer_;
  PhaseWord& phase_;
  const milliseconds limit_;
  StartPhase seen_;
  base::BootTime since_{};
};

// A hidden parent's child shows itself first; anything but its one byte is its failure.
base::Result<> AwaitVisible(const Channels& channels, milliseconds limit) {
  wire::InitReport report;
  pollfd wait = {channels.report.get(), POLLIN, 0};
  if (TRY(sys::Poll({&wait, 1}, limit)) == 0) {
    return base::Fail(base::ErrorKind::kDeadline,
                      fmt::format("start of the cell: phase ids did not end within {} ms", limit.count()));
  }
  const auto received = TRY(sys::RecvMsg(wait.fd, {reinterpret_cast<char*>(&report), sizeof report}, MSG_DONTWAIT));
  if (received.bytes == 1) return {};
  if (received.bytes == sizeof report) return std::unexpected(StartError(report));
  return base::Fail(base::ErrorKind::kInternal, "start of the cell: its first process ended in phase ids");
}

// Whoever has ended before it was let go can't be let go; its reason lies in the channel, which is read next.
bool HasEnded(int channel) {
  pollfd wait = {channel, POLLIN, 0};
  return sys::Poll({&wait, 1}, milliseconds(0)).value_or(0) != 0;
}

base::Result<> LetChildGo(const Channels& channels, pid_t pid, const LaunchOptions& options, bool hidden) {
  if (hidden) TRY(AwaitVisible(channels, options.phase_deadline));
  const auto let_go = [&]() -> base::Result<> {
    TRY(WriteIdMaps(pid, options.host_uid, options.host_gid, geteuid() != 0));
    TRY(sys::SendMsg(channels.report.get(), "g"));
    return {};
  };
  auto gone_on = let_go();
  if (gone_on || !HasEnded(channels.report.get())) return gone_on;
  return {};
}

}  // namespace

base::Result<Cell> Cell::Launch(LaunchOptions options) {
  if (options.plan->network && options.gate_channel < 0) {
    return base::Fail(base::ErrorKind::kInternal, "start of the cell: its plan has a gate, and there is none");
  }
  if (options.plan->telemetry && options.agent_channel < 0) {
    return base::Fail(base::ErrorKind::kInternal, "start of the cell: its plan has a witness, and there is no channel for it");
  }
  auto state = std::make_unique<State>();
  auto phase = TRY(PhaseWord::Create());
  bool hidden = false;
  auto prepared = Prepare(options, state->channels);
  if (!prepared) return std::unexpected(AtPhase(std::move(prepared).error(), StartPhase::kNamespaces));
  {
    const ChildContext context = MakeContext(options, *prepared, phase);
    hidden = context.hidden;
    const SignalsBlocked blocked;
    // The root of the cgroup namespace is where its maker is: who moves itself makes it afterwards.
    const std::uint64_t later = context.cgroup_tasks.empty() ? 0 : CLONE_NEWCGROUP;
    auto child = sys::Clone3(kNamespaces & ~later, options.cgroup_guard);
    if (!child) return std::unexpected(AtPhase(std::move(child).error(), StartPhase::kNamespaces));
    if (child->pid == 0) RunChild(context);
    state->outer_pid = child->pid;
    state->outer = std::move(child->pidfd);
  }
  { const Prepared gone = std::move(*prepared); }
  options.streams = {};
  options.cgroup_tasks.clear();

  auto go = LetChildGo(state->channels, state->outer_pid, options, hidden);
  if (!go) return std::unexpected(AtPhase(std::move(go).error(), StartPhase::kIds));
  if (options.meanwhile) TRY(options.meanwhile(state->outer_pid));
  StartWatch watch(state->channels, state->outer.get(), phase, options.phase_deadline);
  auto leader = watch.AwaitReady({state->terminal, state->denials, state->netfilter, state->flow_log, state->agent});
  if (!leader) {
    return std::unexpected(NamingWatched(AtPhase(std::move(leader).error(), phase.Read()), *options.plan));
  }
  auto held = state->Hold(*leader);
  if (!held) return std::unexpected(AtPhase(std::move(held).error(), StartPhase::kBarrier));
  return Cell(std::move(state));
}

}  // namespace sandbox
