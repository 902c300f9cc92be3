// SPDX-License-Identifier: Apache-2.0
// The table of calls of which the witness in a cell is told, by declared source.
//
// A notified refusal is none of the witness's making: only calls stand here that the kernel itself refuses to a process
// without capabilities, whatever else their arguments are. What unprivileged processes can do in some form (handles of
// pidfs, quotactl's Q_SYNC, open_tree without a copy, reading the clock's adjustment) keeps its errno and is not told.
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>

#include <fmt/format.h>

#include "plan/seccomp_table.h"
#include "wire/agent_config.h"

#define CALL(name) {SYS_##name, #name}

namespace plan {
namespace {

using Is = ArgumentTest::Is;
using Half = ArgumentTest::Half;
using Answer = NotifiedCall::Answer;

constexpr std::uint32_t kAll = 0xffffffff;

// --- processes -------------------------------------------------------------------------------------------------------
constexpr ArgumentTest kThreadFlag[] = {{0, CLONE_THREAD, Is::kAnyBit}};
constexpr ArgumentClause kThread[] = {{kThreadFlag, kNotify}};
constexpr NotifiedCall kProcess[] = {
    {CALL(execve), "", Answer::kContinue, {}},
    {CALL(execveat), "", Answer::kContinue, {}},
    {CALL(exit_group), "", Answer::kContinue, {}},
};
constexpr NotifiedCall kThreads[] = {{CALL(clone), "of a thread", Answer::kContinue, kThread}};
// Before a child can be reaped, the witness looks at what it died of.
constexpr NotifiedCall kEveryLife[] = {
    {CALL(clone), "", Answer::kContinue, {}},
    {CALL(wait4), "", Answer::kContinue, {}},
    {CALL(waitid), "", Answer::kContinue, {}},
#if defined(__x86_64__)
    {CALL(fork), "", Answer::kContinue, {}},
    {CALL(vfork), "", Answer::kContinue, {}},
#endif
};

// --- connections -----------------------------------------------------------------------------------------------------
constexpr ArgumentTest kAddressLow[] = {{4, kAll, Is::kAnyBit}};
constexpr ArgumentTest kAddressHigh[] = {{4, kAll, Is::kAnyBit, 0, Half::kHigh}};
constexpr ArgumentClause kAddressed[] = {{kAddressLow, kNotify}, {kAddressHigh, kNotify}};
constexpr NotifiedCall kConnect[] = {
    {CALL(connect), "", Answer::kContinue, {}},
    {CALL(sendto), "with an address", Answer::kContinue, kAddressed},
};

// --- what wants a capability -----------------------------------------------------------------------------------------
constexpr std::uint32_t kType = 0xf;
constexpr ArgumentTest kRaw4[] = {{0, kAll, Is::kEqual, AF_INET}, {1, kType, Is::kEqual, SOCK_RAW}};
constexpr ArgumentTest kRaw6[] = {{0, kAll, Is::kEqual, AF_INET6}, {1, kType, Is::kEqual, SOCK_RAW}};
constexpr ArgumentClause kRaw[] = {{kRaw4, kNotify}, {kRaw6, kNotify}};
constexpr ArgumentTest kRealTimeClock[] = {{0, kAll, Is::kEqual, CLOCK_REALTIME}};
constexpr ArgumentClause kRealTime[] = {{kRealTimeClock, kNotify}};
#if defined(__x86_64__)
constexpr ArgumentTest kLevel[] = {{0, kAll, Is::kAnyBit}}, kTurnOn[] = {{2, kAll, Is::kAnyBit}};
constexpr ArgumentClause kRaise[] = {{kLevel, kNotify}}, kPorts[] = {{kTurnOn, kNotify}};
#endif
constexpr NotifiedCall kCapability[] = {
    {CALL(mount), "", Answer::kRefuse, {}},
    {CALL(umount2), "", Answer::kRefuse, {}},
    {CALL(pivot_root), "", Answer::kRefuse, {}},
    {CALL(chroot), "", Answer::kRefuse, {}},
    {CALL(fsopen), "", Answer::kRefuse, {}},
    {CALL(fsmount), "", Answer::kRefuse, {}},
    {CALL(fspick), "", Answer::kRefuse, {}},
    {CALL(move_mount), "", Answer::kRefuse, {}},
    {CALL(mount_setattr), "", Answer::kRefuse, {}},
    {CALL(setns), "", Answer::kRefuse, {}},
    {CALL(init_module), "", Answer::kRefuse, {}},
    {CALL(finit_module), "", Answer::kRefuse, {}},
    {CALL(delete_module), "", Answer::kRefuse, {}},
    {CALL(kexec_load), "", Answer::kRefuse, {}},
    {CALL(kexec_file_load), "", Answer::kRefuse, {}},
    {CALL(settimeofday), "", Answer::kRefuse, {}},
    {CALL(clock_settime), "of the time of day", Answer::kRefuse, kRealTime},
    {CALL(reboot), "", Answer::kRefuse, {}},
    {CALL(swapon), "", Answer::kRefuse, {}},
    {CALL(swapoff), "", Answer::kRefuse, {}},
    {CALL(acct), "", Answer::kRefuse, {}},
    {CALL(sethostname), "", Answer::kRefuse, {}},
    {CALL(setdomainname), "", Answer::kRefuse, {}},
    {CALL(vhangup), "", Answer::kRefuse, {}},
    {CALL(socket), "that is raw", Answer::kRefuse, kRaw},
#if defined(__x86_64__)
    {CALL(iopl), "above 0", Answer::kRefuse, kRaise},
    {CALL(ioperm), "to turn ports on", Answer::kRefuse, kPorts},
#endif
};

}  // namespace

std::vector<NotifiedCall> NotifiedCalls(const NotifyPlan& notify) {
  using wire::ProbeSource;
  std::vector<NotifiedCall> calls;
  const auto add = [&calls](std::span<const NotifiedCall> rows) { calls.insert(calls.end(), rows.begin(), rows.end()); };
  const auto declares = [&notify](ProbeSource source) { return (notify.sources & wire::SourceBit(source)) != 0; };
  if (declares(ProbeSource::kProcessSpawned) || declares(ProbeSource::kProcessExited)) {
    add(kProcess);
    add(notify.full ? std::span<const NotifiedCall>(kEveryLife) : kThreads);
  }
  if (declares(ProbeSource::kNetConnectAttempted)) add(kConnect);
  if (declares(ProbeSource::kCapabilityDenied)) add(kCapability);
  return calls;
}

std::vector<std::string> NotifiedNames(const NotifyPlan& notify) {
  std::vector<NotifiedCall> calls = NotifiedCalls(notify);
  std::ranges::sort(calls, {}, [](const NotifiedCall& call) { return call.call.number; });
  std::vector<std::string> names;
  for (const NotifiedCall& call : calls) {
    names.push_back(call.when.empty() ? std::string(call.call.name) : fmt::format("{} {}", call.call.name, call.when));
  }
  return names;
}

}  // namespace plan
