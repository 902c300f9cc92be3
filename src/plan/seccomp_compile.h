// SPDX-License-Identifier: Apache-2.0
// From tables to a classic BPF program: a binary tree over the numbers, so that no call pays for the length of the table.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plan/seccomp_table.h"

namespace plan {

// SECCOMP_RET_… of an error as the tables have it: 0, an errno or kNotify.
std::uint32_t ActionOf(int error);

// What the filter returns for one call number.
struct FilterRule {
  std::uint32_t action = 0;                    // SECCOMP_RET_… when no clause holds
  std::span<const ArgumentClause> clauses = {};
};

struct FilterPolicy {
  std::map<std::uint32_t, FilterRule> rules;
  std::uint32_t otherwise = 0;                 // for numbers without a rule
};

// Raw struct sock_filter[]. Checks the architecture first (others: kill process), then refuses x32 numbers the same way.
std::string CompileFilter(const FilterPolicy& policy);

}  // namespace plan
