// SPDX-License-Identifier: Apache-2.0
// The rule of required sources.
#include "spec/required_sources.h"

namespace spec {

std::vector<std::string> RequiredSources(const CellSpec& spec, std::string_view backend, CgroupLeaf leaf) {
  const Authority& authority = spec.authority;
  const bool network = authority.dns_authority || (authority.egress_rules && !authority.egress_rules->empty());
  const bool telemetry = spec.telemetry.has_value();
  const bool firecracker = backend == "firecracker";
  const bool micro_vm = firecracker || backend == "qemu";

  std::vector<std::string> required{"supervisor", "init"};
  if (network) required.insert(required.end(), {"gate.dns", "gate.flow", "gate.l7", "gate.record", "kernel.nft"});
  if (telemetry) required.emplace_back("agent");
  if (leaf == CgroupLeaf::kPresent || micro_vm) required.emplace_back("host.cgroup");
  if (network) required.emplace_back("host.nftables");
  if (micro_vm) required.emplace_back("host.tap_link");
  if (firecracker) required.emplace_back("host.fc_metrics");
  if (telemetry) required.emplace_back("witness");
  required.emplace_back("log");
  return required;
}

std::vector<std::string> RequiredSourcesOfRefusal() { return {"supervisor", "log"}; }

}  // namespace spec
