// SPDX-License-Identifier: Apache-2.0
// The cell's nf_tables table as rows and as one transaction, and the rtnetlink messages that its `lo` is set up by.
#pragma once

#include <string>
#include <vector>

#include "plan/network.h"

namespace plan {

// dnsAuthority's switches, and what they leave open.
struct DirectBlocks {
  bool dns = false, doq = false, http3 = false;
  std::vector<base::IpEndpoint> resolvers;  // declared, of every transport
};

// More literal rules, or ports of names, than this are counted together: a transaction is one message, whose size is
// bounded (net.core.wmem_max).
inline constexpr std::size_t kMaxCountedGrants = 256;

// Fills in network.rows and network.nft_batch from its rules and ports. The batch ends with a message that is to be
// acknowledged (kNftLastSequence); an error may be reported before it for any other.
void PlanTable(const DirectBlocks& blocks, NetworkPlan& network);
inline constexpr std::uint32_t kNftLastSequence = 0x7fffffff;

// lo up, an address of each family, a default route of each family onto `lo`; every message is to be acknowledged.
std::string LinkBatch();

}  // namespace plan
