// SPDX-License-Identifier: Apache-2.0
// Rounds of the rebinding policy.
#include "gate/dns/rebinding.h"

#include <algorithm>

namespace gate::dns {
namespace {

constexpr std::size_t kMaxPerHost = 4096;  // without `reject` nothing else ends the growth

bool Holds(const std::vector<std::string>& sorted, const std::string& address) {
  return std::ranges::binary_search(sorted, address);
}

void Insert(std::vector<std::string>* sorted, const std::string& address) {
  const auto at = std::ranges::lower_bound(*sorted, address);
  if ((at == sorted->end() || *at != address) && sorted->size() < kMaxPerHost) sorted->insert(at, address);
}

}  // namespace

RebindRound RebindHistory::Judge(std::string_view host, std::span<const RebindTarget> targets) {
  auto entry = accepted_.find(host);
  const bool room = entry != accepted_.end() || accepted_.size() < max_hosts_;
  if (entry == accepted_.end() && room) entry = accepted_.emplace(host, std::vector<std::string>{}).first;
  static const std::vector<std::string> kNothing;
  const std::vector<std::string> before = room ? entry->second : kNothing;

  RebindRound round;
  round.previous = static_cast<std::uint32_t>(before.size());
  std::size_t left = policy_.cap > before.size() ? policy_.cap - before.size() : 0;
  if (!room) left = 0;
  std::vector<std::string> kept;  // novel ones that a rejecting policy lets through, sorted
  for (const RebindTarget& target : targets) {
    const bool known = Holds(before, target.address);
    if (!known && std::ranges::find(round.novel, target.address) == round.novel.end()) {
      round.novel.push_back(target.address);
    }
    if (!target.covered) round.outside_allowlist.push_back(target.address);
    if (policy_.reject) {
      if (!target.covered) continue;
      if (!known && !Holds(kept, target.address)) {
        if (kept.size() >= left) continue;
        Insert(&kept, target.address);
      }
    }
    round.effective.push_back(target.address);
  }
  round.cumulative = round.previous + static_cast<std::uint32_t>(round.novel.size());
  round.threshold_exceeded = !round.novel.empty() && round.cumulative > policy_.cap;
  if (room) {
    for (const std::string& address : round.effective) Insert(&entry->second, address);
  }
  return round;
}

}  // namespace gate::dns
