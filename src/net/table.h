// SPDX-License-Identifier: Apache-2.0
// The table of a cell's network namespace as the kernel has it: rules, counters, one canonical text of all of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/network.h"

namespace net {

struct RuleReading {
  std::string chain;
  std::uint64_t handle = 0, packets = 0, bytes = 0;
  std::string repr;       // telemetry.md §4.2: equality matches of address and port, then accept or drop
};

struct TableReading {
  std::vector<RuleReading> rules;  // chain by chain, in order
  std::string canonical;           // of every table of the namespace; see CanonicalRules
};

// Reads over `socket` (NETLINK_NETFILTER, opened in the cell's namespace): every table, set, chain and rule there. One
// reader at a time. kNotFound when there is no table `table`.
base::Result<TableReading> ReadTable(int socket, std::string_view table);
// The rules of `table` alone, for their counters; `canonical` is empty. kNotFound when it has none.
base::Result<TableReading> ReadCounters(int socket, std::string_view table);

// The canonical text of netlink messages, whether they are a transaction or what the kernel answers: tables, sets with
// their elements, chains, rules with every expression and what decides in it; no handle, no counter. Equal texts are
// equal rules.
base::Result<std::string> CanonicalRules(std::string_view messages);

// Counters by row of the plan. kUnavailable when the kernel's rules are not the plan's rows one by one.
struct RowCount {
  std::uint64_t packets = 0, bytes = 0;
};
base::Result<std::vector<RowCount>> CountRows(const plan::NetworkPlan& network, const TableReading& reading);

}  // namespace net
