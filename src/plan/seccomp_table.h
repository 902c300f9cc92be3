// SPDX-License-Identifier: Apache-2.0
// The system calls of a cell: what is allowed, by named group; what is refused by name, with the reason; what depends on
// arguments. Everything that no row names does not exist (ENOSYS), so programs take their older way.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plan {

struct SyscallName {
  int number;
  std::string_view name;
};

// Calls that any argument may be given to.
struct SyscallGroup {
  std::string_view name;     // "files", "threads": what --explain and the reference page call it
  std::string_view purpose;
  std::span<const SyscallName> calls;
};

// Calls that answer `error` whatever their arguments.
struct SyscallRefusal {
  std::string_view reason;
  int error;                 // EPERM; ENOSYS where callers have another way
  std::span<const SyscallName> calls;
};

// One condition on an argument, always on a 32-bit half, as the kernel's own 32-bit parameters are.
struct ArgumentTest {
  enum class Half : std::uint8_t { kLow, kHigh };
  enum class Is : std::uint8_t { kEqual, kNotEqual, kAnyBit };  // (argument & mask) == value, != value, != 0
  std::uint8_t argument;
  std::uint32_t mask;
  Is is;
  std::uint32_t value = 0;
  Half half = Half::kLow;
};

// In place of an error: the call waits until the cell's witness was told of it (SECCOMP_RET_USER_NOTIF).
inline constexpr int kNotify = -1;

// The first clause whose tests all hold decides.
struct ArgumentClause {
  std::span<const ArgumentTest> tests;
  int error;                 // 0 = allowed; kNotify
};

// A call that depends on its arguments.
struct ConditionalSyscall {
  SyscallName call;
  std::string_view group;
  std::string_view reason;   // of what is refused
  std::span<const ArgumentClause> clauses;
  int otherwise;             // 0 = allowed, else the errno when no clause holds
};

std::span<const SyscallGroup> AllowedGroups();
std::span<const SyscallRefusal> RefusedCalls();
std::span<const ConditionalSyscall> ConditionalCalls();

// What the witness in a cell has to be told of, for the sources that its document declares.
struct NotifyPlan {
  std::uint32_t sources = 0;  // wire::SourceBit of each; 0: no witness, nothing is notified
  bool full = false;          // every clone, not only those of threads, and every wait for a child
  bool operator==(const NotifyPlan&) const = default;
};

// A call of which the witness is told instead of being allowed, or refused, at once.
struct NotifiedCall {
  enum class Answer : std::uint8_t {
    kContinue,               // the filter allows it
    kRefuse,                 // the filter refuses it with EPERM, and so would the kernel: the cell has no capability
  };
  SyscallName call;
  std::string_view when;     // which of them; empty: all
  Answer answer;
  std::span<const ArgumentClause> clauses;  // kNotify; empty: all. Of kContinue they come behind those of the table, of
                                            // kRefuse before them
};
std::vector<NotifiedCall> NotifiedCalls(const NotifyPlan& notify);
// Their names for a human and for the evidence, in the order of their numbers: "clone of a thread", "connect".
std::vector<std::string> NotifiedNames(const NotifyPlan& notify);

// Raw struct sock_filter[] (seccomp(2)) for the machine this was built for. Foreign architectures and x32 numbers kill.
// Whether a call is allowed does not depend on `notify`: what is notified is let through, or refused by the kernel itself.
std::string WorkloadFilter(const NotifyPlan& notify = {});
// For init and reaper: the few calls of their loops; anything else kills, and with them the cell.
std::string GuardFilter();
// For the witness, from before the workload's first instruction on: it can receive and answer, look into its own procfs
// and write to its channel; anything else kills it, and with it the cell.
std::string AgentFilter();

// What the filter does with call `number`, for a human.
struct SyscallExplanation {
  enum class Verdict : std::uint8_t { kAllowed, kDependsOnArguments, kRefused, kUnnamed };
  Verdict verdict = Verdict::kUnnamed;
  std::string_view name;     // "mount"; empty for a number that the table does not name
  std::string_view group;    // of what is allowed or depends on arguments
  std::string_view reason;   // of a refusal
  int error = 0;             // what the program sees when refused
};
SyscallExplanation ExplainSyscall(int number);

}  // namespace plan
