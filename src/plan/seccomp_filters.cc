// SPDX-License-Identifier: Apache-2.0
// The filters made from the tables, and what they say about one call.
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <deque>

#include "plan/seccomp_compile.h"
#include "plan/seccomp_table.h"

namespace plan {
namespace {

// Clauses made of two tables; the rules hold views of them.
using ClauseStore = std::deque<std::vector<ArgumentClause>>;

void Notify(const NotifiedCall& notified, FilterRule& rule, ClauseStore& store) {
  if (notified.clauses.empty() && rule.clauses.empty()) {
    rule.action = ActionOf(kNotify);
    return;
  }
  const bool refuse = notified.answer == NotifiedCall::Answer::kRefuse;
  const auto first = refuse ? notified.clauses : rule.clauses, second = refuse ? rule.clauses : notified.clauses;
  std::vector<ArgumentClause>& joined = store.emplace_back(first.begin(), first.end());
  joined.insert(joined.end(), second.begin(), second.end());
  rule.clauses = joined;
  if (notified.clauses.empty()) rule.action = ActionOf(kNotify);
}

FilterPolicy WorkloadPolicy() {
  FilterPolicy policy;
  policy.otherwise = ActionOf(ENOSYS);
  for (const SyscallGroup& group : AllowedGroups()) {
    for (const SyscallName& call : group.calls) policy.rules[static_cast<std::uint32_t>(call.number)] = {SECCOMP_RET_ALLOW};
  }
  for (const SyscallRefusal& refusal : RefusedCalls()) {
    for (const SyscallName& call : refusal.calls) {
      policy.rules[static_cast<std::uint32_t>(call.number)] = {ActionOf(refusal.error)};
    }
  }
  for (const ConditionalSyscall& row : ConditionalCalls()) {
    policy.rules[static_cast<std::uint32_t>(row.call.number)] = {ActionOf(row.otherwise), row.clauses};
  }
  return policy;
}

FilterPolicy GuardPolicy() {
  // The loops of cellos-init: wait, read a signal byte, send a report, reap, forward, end.
  constexpr int kCalls[] = {SYS_ppoll, SYS_read, SYS_recvfrom, SYS_sendto, SYS_waitid, SYS_kill,
                            SYS_exit_group, SYS_restart_syscall, SYS_rt_sigreturn};
  FilterPolicy policy;
  policy.otherwise = SECCOMP_RET_KILL_PROCESS;
  for (const int number : kCalls) policy.rules[static_cast<std::uint32_t>(number)] = {SECCOMP_RET_ALLOW};
  return policy;
}

}  // namespace

std::string WorkloadFilter(const NotifyPlan& notify) {
  static const FilterPolicy& silent = *new FilterPolicy(WorkloadPolicy());  // never taken apart, which took long
  static const std::string filter = CompileFilter(silent);
  if (notify.sources == 0) return filter;
  FilterPolicy policy = silent;
  ClauseStore store;
  for (const NotifiedCall& call : NotifiedCalls(notify)) {
    Notify(call, policy.rules[static_cast<std::uint32_t>(call.call.number)], store);
  }
  return CompileFilter(policy);
}

std::string GuardFilter() {
  static const std::string filter = CompileFilter(GuardPolicy());
  return filter;
}

SyscallExplanation ExplainSyscall(int number) {
  using Verdict = SyscallExplanation::Verdict;
  for (const ConditionalSyscall& row : ConditionalCalls()) {
    if (row.call.number != number) continue;
    const int error = row.otherwise != 0 ? row.otherwise : EPERM;
    return {Verdict::kDependsOnArguments, row.call.name, row.group, row.reason, error};
  }
  for (const SyscallGroup& group : AllowedGroups()) {
    for (const SyscallName& call : group.calls) {
      if (call.number == number) return {Verdict::kAllowed, call.name, group.name, {}, 0};
    }
  }
  for (const SyscallRefusal& refusal : RefusedCalls()) {
    for (const SyscallName& call : refusal.calls) {
      if (call.number == number) return {Verdict::kRefused, call.name, {}, refusal.reason, refusal.error};
    }
  }
  return {Verdict::kUnnamed, {}, {}, "no group of the table names it", ENOSYS};
}

}  // namespace plan
