// SPDX-License-Identifier: Apache-2.0
// The rebinding policy: how many addresses a name may show over a run, and which ones. Pure.
//
// An address is any text that names it; equal texts are one address. The caller judges responseIpAllowlist.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gate::dns {

struct RebindPolicy {
  std::uint32_t cap = 4;        // maxNovelIpsPerHostname
  bool reject = false;          // rejectOnRebind
};

struct RebindTarget {
  std::string address;
  bool covered = true;          // by an entry of this host in responseIpAllowlist, or there is no such list
};

struct RebindRound {
  std::vector<std::string> effective;          // what is left, in the order given, repetitions kept
  std::vector<std::string> novel;              // never accepted before, in order, each once
  std::vector<std::string> outside_allowlist;  // not covered, in the order given
  bool threshold_exceeded = false;
  std::uint32_t previous = 0;                  // addresses accepted before
  std::uint32_t cumulative = 0;                // previous and novel
};

class RebindHistory {
 public:
  explicit RebindHistory(RebindPolicy policy, std::size_t max_hosts = 16384) : policy_(policy), max_hosts_(max_hosts) {}
  // One answer for `host` (compared as it is). Without room for a new host a rejecting policy keeps nothing of it.
  RebindRound Judge(std::string_view host, std::span<const RebindTarget> targets);

 private:
  RebindPolicy policy_;
  std::size_t max_hosts_;
  std::map<std::string, std::vector<std::string>, std::less<>> accepted_;  // sorted
};

}  // namespace gate::dns
