// SPDX-License-Identifier: Apache-2.0
// Names of observers and lanes.
#include "event/draft.h"

#include <array>

namespace event {
namespace {

constexpr std::array<std::string_view, kObserverCount> kNames = {
    "supervisor", "init",        "gate.dns",       "gate.flow",     "gate.l7",         "gate.record",
    "kernel.nft", "kernel.nflog", "agent",         "host.cgroup",   "host.nftables",   "host.tap_link",
    "host.fc_metrics", "runtime.trace", "witness", "log",
};

}  // namespace

std::string_view ToString(Observer observer) { return kNames[static_cast<std::size_t>(observer)]; }

std::optional<Observer> ObserverOf(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Observer>(i);
  }
  return std::nullopt;
}

Lane LaneOf(Observer observer) {
  if (observer == Observer::kAgent) return Lane::kClaimed;
  if (observer == Observer::kWitness) return Lane::kDerived;
  return Lane::kWitnessed;
}

std::string_view ToString(Lane lane) {
  switch (lane) {
    case Lane::kWitnessed: return "witnessed";
    case Lane::kClaimed: return "claimed";
    case Lane::kDerived: return "derived";
  }
  return "derived";
}

}  // namespace event
