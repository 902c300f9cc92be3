// SPDX-License-Identifier: Apache-2.0
// The tracer's loop. What a call answered is known at its exit; whether it was the filter that answered, from the table.
#include "cli/explain.h"

#include <errno.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "plan/seccomp_table.h"

namespace cli {
namespace {

constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                          PTRACE_O_TRACEEXEC;
constexpr int kEventStop = 128;  // PTRACE_EVENT_STOP
constexpr int kAttempts = 2000;
constexpr std::chrono::milliseconds kPause{1};

template <class Address, class Data>
long Trace(int request, pid_t process, Address address, Data data) {
  return ::syscall(SYS_ptrace, request, process, address, data);
}

bool IsStopSignal(int number) {
  return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

std::string LineOf(std::uint64_t number, int error, std::uint64_t times) {
  using Verdict = plan::SyscallExplanation::Verdict;
  const auto explained = plan::ExplainSyscall(static_cast<int>(number));
  // What the filter allows was refused by the kernel for reasons of its own.
  if (explained.verdict == Verdict::kAllowed) return {};
  const auto name = explained.name.empty() ? fmt::format("system call {}", number) : std::string(explained.name);
  const auto head = fmt::format("  explain  {}, {} times, answered {}", name, times, base::ErrnoName(error));
  switch (explained.verdict) {
    case Verdict::kDependsOnArguments:
      return fmt::format("{}: group {}, refused for some arguments: {}\n", head, explained.group, explained.reason);
    case Verdict::kRefused:
      return fmt::format("{}: no cell has it: {}\n", head, explained.reason);
    default:
      return fmt::format("{}: it is in no group that a cell has\n", head);
  }
}

}  // namespace

SyscallWatcher::~SyscallWatcher() {
  if (thread_.joinable()) thread_.join();
}

void SyscallWatcher::Start(pid_t workload) {
  thread_ = std::thread([this, workload] { Watch(workload); });
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [this] { return told_; });
}

void SyscallWatcher::Watch(pid_t workload) {
  const bool seized = Seize(workload);
  {
    const std::lock_guard lock(mutex_);
    told_ = true;
  }
  ready_.notify_one();
  // A process that may not be read can't be traced by an ordinary user until it has executed something else.
  for (int i = 0; !seized && seize_error_ == EPERM && i < kAttempts; ++i) {
    std::this_thread::sleep_for(kPause);
    late_ = true;
    if (Seize(workload)) break;
  }
  if (seize_error_ == 0) Loop();
}

bool SyscallWatcher::Seize(pid_t workload) {
  seize_error_ = Trace(PTRACE_SEIZE, workload, nullptr, kOptions) == 0 ? 0 : errno;
  // The stop that this asks for is where its system calls begin to be seen.
  return seize_error_ == 0 && Trace(PTRACE_INTERRUPT, workload, nullptr, nullptr) == 0;
}

void SyscallWatcher::Loop() {
  for (;;) {
    int status = 0;
    const pid_t process = ::waitpid(-1, &status, __WALL | __WNOTHREAD);
    if (process < 0 && errno == EINTR) continue;
    if (process < 0) return;  // ECHILD: the last one is gone
    if (WIFSTOPPED(status)) {
      TakeStop(process, status);
    } else {
      entered_.erase(process);
    }
  }
}

void SyscallWatcher::TakeStop(pid_t process, int status) {
  const int number = WSTOPSIG(status);
  const int event = status >> 16;
  if (event == kEventStop && IsStopSignal(number)) {
    Trace(PTRACE_LISTEN, process, nullptr, nullptr);
    return;
  }
  long signal = 0;
  if (number == (SIGTRAP | 0x80)) {
    TakeSyscall(process);
  } else if (event == 0) {
    signal = number;
  }
  Trace(PTRACE_SYSCALL, process, nullptr, signal);
}

void SyscallWatcher::TakeSyscall(pid_t process) {
  __ptrace_syscall_info info = {};
  if (Trace(PTRACE_GET_SYSCALL_INFO, process, sizeof info, &info) <= 0) return;
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
    entered_[process] = info.entry.nr;
    return;
  }
  const auto entered = entered_.find(process);
  if (info.op != PTRACE_SYSCALL_INFO_EXIT || entered == entered_.end()) return;
  const auto value = info.exit.rval;
  if (info.exit.is_error && (value == -EPERM || value == -ENOSYS || value == -EAFNOSUPPORT || value == -EACCES)) {
    ++refused_[{entered->second, static_cast<int>(-value)}];
  }
}

std::string SyscallWatcher::Explain() {
  if (!thread_.joinable()) return {};
  thread_.join();
  if (seize_error_ != 0) {
    return fmt::format("  explain  the workload could not be watched: {}\n", base::ErrnoName(seize_error_));
  }
  std::string text;
  for (const auto& [call, times] : refused_) text += LineOf(call.first, call.second, times);
  if (text.empty()) text = "  explain  the cell's filter refused no system call\n";
  if (late_) text += "  explain  (watched only from its execution on; as root all of it is seen)\n";
  return text;
}

}  // namespace cli
