// SPDX-License-Identifier: Apache-2.0
// Classic BPF as seccomp(2) restricts it: loads of whole words, 32-bit arithmetic, forward jumps.
#include "plan/bpf_evaluator.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

namespace plan {
namespace {

constexpr std::size_t kMaxInstructions = 4096;

std::optional<std::uint32_t> LoadWord(const seccomp_data& data, std::uint32_t offset) {
  if (offset % 4 != 0 || offset > sizeof data - 4) return std::nullopt;
  std::uint32_t word;
  memcpy(&word, reinterpret_cast<const char*>(&data) + offset, sizeof word);
  return word;
}

bool Holds(std::uint16_t code, std::uint32_t accumulator, std::uint32_t operand) {
  switch (BPF_OP(code)) {
    case BPF_JEQ: return accumulator == operand;
    case BPF_JGT: return accumulator > operand;
    case BPF_JGE: return accumulator >= operand;
    default: return (accumulator & operand) != 0;  // BPF_JSET
  }
}

}  // namespace

std::uint32_t NativeArchitecture() {
#if defined(__x86_64__)
  return AUDIT_ARCH_X86_64;
#else
  return AUDIT_ARCH_AARCH64;
#endif
}

std::optional<FilterOutcome> EvaluateFilter(std::string_view program, const SyscallData& call) {
  const std::size_t count = program.size() / sizeof(sock_filter);
  if (count == 0 || count > kMaxInstructions || program.size() % sizeof(sock_filter) != 0) return std::nullopt;
  seccomp_data data = {};
  data.nr = static_cast<int>(call.number);
  data.arch = call.architecture;
  data.instruction_pointer = call.instruction_pointer;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) data.args[i] = call.arguments[i];

  std::uint32_t accumulator = 0;
  std::size_t executed = 0;
  for (std::size_t at = 0; at < count;) {
    sock_filter instruction;
    memcpy(&instruction, program.data() + at * sizeof instruction, sizeof instruction);
    ++at;
    ++executed;
    switch (instruction.code) {
      case BPF_LD | BPF_W | BPF_ABS: {
        const auto word = LoadWord(data, instruction.k);
        if (!word) return std::nullopt;
        accumulator = *word;
        break;
      }
      case BPF_ALU | BPF_AND | BPF_K: accumulator &= instruction.k; break;
      case BPF_JMP | BPF_JA:
        if (instruction.k >= count - at) return std::nullopt;
        at += instruction.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
      case BPF_JMP | BPF_JGT | BPF_K:
      case BPF_JMP | BPF_JGE | BPF_K:
      case BPF_JMP | BPF_JSET | BPF_K:
        at += Holds(instruction.code, accumulator, instruction.k) ? instruction.jt : instruction.jf;
        break;
      case BPF_RET | BPF_K: return FilterOutcome{instruction.k, executed};
      default: return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace plan
