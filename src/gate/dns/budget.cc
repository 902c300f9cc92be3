// SPDX-License-Identifier: Apache-2.0
// The sliding minute of the budget of names.
#include "gate/dns/budget.h"

#include <algorithm>

namespace gate::dns {
namespace {

constexpr base::BootTime kWindow = std::chrono::minutes(1);

std::uint32_t LabelBytes(std::string_view name) {
  return static_cast<std::uint32_t>(name.size() - std::ranges::count(name, '.'));
}

}  // namespace

bool Budget::Spend(std::string_view canonical, base::BootTime now) {
  while (!order_.empty() && order_.front().last + kWindow <= now) {
    bytes_in_use_ -= LabelBytes(order_.front().name);
    known_.erase(order_.front().name);
    order_.pop_front();
  }
  if (const auto known = known_.find(canonical); known != known_.end()) {
    known->second->last = now;
    order_.splice(order_.end(), order_, known->second);
    return true;
  }
  const std::uint32_t cost = LabelBytes(canonical);
  if (known_.size() >= names_ || bytes_in_use_ + cost > label_bytes_) return false;
  order_.push_back({std::string(canonical), now});
  known_.emplace(order_.back().name, std::prev(order_.end()));
  bytes_in_use_ += cost;
  return true;
}

}  // namespace gate::dns
