// SPDX-License-Identifier: Apache-2.0
// The filter's compiler.
#include "plan/seccomp_compile.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

namespace plan {
namespace {

using Program = std::vector<sock_filter>;

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kX32Bit = 0x40000000;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "no system-call table for this architecture"
#endif

sock_filter Load(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
sock_filter Return(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

sock_filter Jump(unsigned code, std::uint32_t value, std::size_t if_true, std::size_t if_false) {
  return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | BPF_K | code), value, static_cast<std::uint8_t>(if_true),
                  static_cast<std::uint8_t>(if_false));
}

// seccomp_data is little-endian on both architectures: the low half of an argument comes first.
std::size_t OffsetOf(const ArgumentTest& test) {
  return offsetof(seccomp_data, args) + 8 * test.argument + (test.half == ArgumentTest::Half::kHigh ? 4 : 0);
}

constexpr std::size_t kTestLength = 3;

// Each test loads, masks and compares; a test that does not hold jumps behind the clause.
void AppendClause(Program& program, const ArgumentClause& clause) {
  std::size_t left = clause.tests.size();
  for (const ArgumentTest& test : clause.tests) {
    --left;
    const std::size_t past_clause = left * kTestLength + 1;
    program.push_back(Load(OffsetOf(test)));
    program.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, test.mask));
    switch (test.is) {
      case ArgumentTest::Is::kEqual: program.push_back(Jump(BPF_JEQ, test.value, 0, past_clause)); break;
      case ArgumentTest::Is::kNotEqual: program.push_back(Jump(BPF_JEQ, test.value, past_clause, 0)); break;
      case ArgumentTest::Is::kAnyBit: program.push_back(Jump(BPF_JEQ, 0, past_clause, 0)); break;
    }
  }
  program.push_back(Return(ActionOf(clause.error)));
}

std::size_t LeafSize(const FilterRule& rule) {
  std::size_t size = 1;
  for (const ArgumentClause& clause : rule.clauses) size += clause.tests.size() * kTestLength + 1;
  return size;
}

void AppendLeaf(Program& program, const FilterRule& rule) {
  for (const ArgumentClause& clause : rule.clauses) AppendClause(program, clause);
  program.push_back(Return(rule.action));
}

// From `first` up to the next range's `first` the rule holds.
struct Range {
  std::uint32_t first;
  FilterRule rule;
};

bool Same(const FilterRule& a, const FilterRule& b) {
  return a.action == b.action && a.clauses.empty() && b.clauses.empty();
}

std::vector<Range> RangesOf(const FilterPolicy& policy) {
  std::vector<Range> ranges;
  ranges.reserve(2 * policy.rules.size() + 1);
  const auto add = [&ranges](std::uint32_t first, const FilterRule& rule) {
    if (ranges.empty() || !Same(ranges.back().rule, rule)) ranges.push_back({first, rule});
  };
  std::uint32_t next = 0;
  for (const auto& [number, rule] : policy.rules) {
    if (number > next) add(next, {.action = policy.otherwise});
    add(number, rule);
    next = number + 1;
  }
  add(next, {.action = policy.otherwise});
  return ranges;
}

// A conditional jump reaches 255 instructions, an unconditional one all of them.
constexpr std::size_t kShortJump = 255;

// Instructions of the tree over `ranges`; `sizes` takes those of its lower halves, in the order in which AppendTree asks.
std::size_t TreeSize(std::span<const Range> ranges, std::vector<std::size_t>& sizes) {
  if (ranges.size() == 1) return LeafSize(ranges[0].rule);
  const std::size_t half = ranges.size() / 2, place = sizes.size();
  sizes.push_back(0);
  const std::size_t below = TreeSize(ranges.first(half), sizes);
  sizes[place] = below;
  return (below <= kShortJump ? 1 : 2) + below + TreeSize(ranges.subspan(half), sizes);
}

// The number is in the accumulator.
void AppendTree(Program& program, std::span<const Range> ranges, const std::size_t*& size) {
  if (ranges.size() == 1) return AppendLeaf(program, ranges[0].rule);
  const std::size_t half = ranges.size() / 2;
  const std::size_t below = *size++;
  if (below <= kShortJump) {
    program.push_back(Jump(BPF_JGE, ranges[half].first, below, 0));
  } else {
    program.push_back(Jump(BPF_JGE, ranges[half].first, 0, 1));
    program.push_back(BPF_STMT(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(below)));
  }
  AppendTree(program, ranges.first(half), size);
  AppendTree(program, ranges.subspan(half), size);
}

}  // namespace

std::uint32_t ActionOf(int error) {
  if (error == kNotify) return SECCOMP_RET_USER_NOTIF;
  return error == 0 ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
}

std::string CompileFilter(const FilterPolicy& policy) {
  Program program = {Load(offsetof(seccomp_data, arch)), Jump(BPF_JEQ, kArchitecture, 1, 0),
                     Return(SECCOMP_RET_KILL_PROCESS), Load(offsetof(seccomp_data, nr))};
#if defined(__x86_64__)
  program.push_back(Jump(BPF_JGE, kX32Bit, 0, 1));
  program.push_back(Return(SECCOMP_RET_KILL_PROCESS));
#endif
  const std::vector<Range> ranges = RangesOf(policy);
  std::vector<std::size_t> sizes;
  sizes.reserve(ranges.size());
  program.reserve(program.size() + TreeSize(ranges, sizes));
  const std::size_t* next = sizes.data();
  AppendTree(program, ranges, next);
  return {reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter)};
}

}  // namespace plan
