// SPDX-License-Identifier: Apache-2.0
// What `nft -j list table` says of rules and counters: the second reader beside netlink (telemetry.md §4.2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace probe {

struct RulesetRow {
  std::string family, table, chain;
  std::uint64_t handle = 0, packets = 0, bytes = 0;
  std::string repr;  // equality matches of address and port, then the verdict; what isn't known is skipped
};
// Rules in their order, of several counters the highest values; members of another type count as missing. kInvalid: no
// JSON of at most 16 MiB. kNotFound: no array "nftables".
base::Result<std::vector<RulesetRow>> ReadRulesetJson(std::string_view text);

}  // namespace probe
