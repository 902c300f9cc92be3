// SPDX-License-Identifier: Apache-2.0
// The system calls of a cell: what is allowed, by named group; what is refused by name, with the reason; what depends on
// arguments. Everything that no row names does not exist (ENOSYS), so programs take their older way.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

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

// The first clause whose tests all hold decides.
struct ArgumentClause {
  std::span<const ArgumentTest> tests;
  int error;                 // 0 = allowed
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

// Raw struct sock_filter[] (seccomp(2)) for the machine this was built for. Foreign architectures and x32 numbers kill.
std::string WorkloadFilter();
// For init and reaper: the few calls of their loops; anything else kills, and with them the cell.
std::string GuardFilter();

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
