// SPDX-License-Identifier: Apache-2.0
#include "sandbox/network_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "sandbox/cell_fixture.h"

namespace sandbox::testing {

plan::Plan NetworkPlanFor(const std::string& script, bool secrets) {
  plan::Plan plan = PlanFor({"bash", "-c", script});
  spec::CellDocument document;
  document.spec.id = "job";
  document.spec.authority.egress_rules = {{"203.0.113.9", 8080, "tcp", {}}, {"203.0.113.9", 5000, "udp", {}}};
  if (secrets) {
    document.spec.authority.secret_refs = {"TOKEN"};
    document.spec.run.emplace().secret_delivery = spec::SecretDelivery::kRuntimeBroker;
  }
  auto network = plan::MakeNetworkPlan(document, {}, {});
  EXPECT_TRUE(network) << network.error().message;
  plan.network = std::move(*network);
  using Kind = plan::Mount::Kind;
  std::vector<plan::Mount> mounts = {
      {.kind = Kind::kPin, .target = plan::kDenialsFile},
      {.kind = Kind::kReadOnly, .target = plan::kDenialsFile, .read_only = true}};
  const auto find = [&](std::string_view target) {
    return std::ranges::find(plan.mounts, target, &plan::Mount::target);
  };
  if (find("/run") == plan.mounts.end()) {
    mounts.insert(mounts.begin(), {.kind = Kind::kDirectory, .target = "/run", .mode = 0755});
  }
  const auto before_pin = [&](plan::Mount mount) {
    mounts.insert(std::ranges::find(mounts, Kind::kPin, &plan::Mount::kind), std::move(mount));
  };
  if (find("/run/cellos") == plan.mounts.end()) {
    before_pin({.kind = Kind::kDirectory, .target = "/run/cellos", .mode = 0755});
  }
  if (find(plan::kDenialsFile) == plan.mounts.end()) {
    before_pin({.kind = Kind::kFile, .target = plan::kDenialsFile, .mode = 0444});
  }
  if (secrets) mounts.push_back({.kind = Kind::kDirectory, .target = "/run/cellos/secrets", .mode = 0700});
  const auto read_only = std::ranges::find_if(plan.mounts, [](const plan::Mount& mount) {
    return mount.kind == Kind::kReadOnly && mount.target == "/";
  });
  plan.mounts.insert(read_only, mounts.begin(), mounts.end());
  return plan;
}

}  // namespace sandbox::testing
