// SPDX-License-Identifier: Apache-2.0
// Runs a classic BPF program over seccomp data in user space, so that a filter can be judged without a kernel.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace plan {

struct SyscallData {
  std::uint32_t number = 0;
  std::uint32_t architecture = 0;  // AUDIT_ARCH_…
  std::uint64_t instruction_pointer = 0;
  std::array<std::uint64_t, 6> arguments = {};
};

struct FilterOutcome {
  std::uint32_t action;        // SECCOMP_RET_… with its data
  std::size_t instructions;    // executed
};

// nullopt when `program` is no valid seccomp program (size, opcode, jump target, load offset, missing return).
std::optional<FilterOutcome> EvaluateFilter(std::string_view program, const SyscallData& data);

// The architecture this was built for.
std::uint32_t NativeArchitecture();

}  // namespace plan
