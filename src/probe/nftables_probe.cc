// SPDX-License-Identifier: Apache-2.0
// host.nftables.
#include "probe/nftables_probe.h"

#include "event/json_object.h"
#include "event/probe_events.h"

namespace probe {
namespace {

std::string Row(const std::string& table, const net::RuleReading& rule) {
  event::Object row;
  row.Add("bytes", rule.bytes).Add("chain", rule.chain).Add("family", "inet").Add("handle", rule.handle);
  return row.Add("packets", rule.packets).Add("ruleRepr", rule.repr).Add("table", table).Take();
}

}  // namespace

event::Draft NftablesEvent(const event::CellRef& cell, const NftablesTarget& target,
                           const base::Result<net::TableReading>& reading, const base::Clock& clock) {
  event::Object inputs;
  inputs.Add("command", "nft -j list table inet " + target.table).Add("family", "inet").Add("namespace", "cell");
  inputs.Add("table", target.table);
  event::Object output;
  if (reading) {
    std::vector<std::string> rows;
    for (const net::RuleReading& rule : reading->rules) rows.push_back(Row(target.table, rule));
    output.AddCut("rows", rows);
  }
  event::HostReading sample{.source = "host.nftables",
                            .inputs = inputs.Take(),
                            .output = output.Take(),
                            .received_at = clock.Wall(),
                            .spec_signature_hash = target.spec_signature_hash};
  if (!reading) sample.sample_error = reading.error().message;
  return *event::HostProbeEvent(cell, sample);
}

event::Draft NftablesProbe::Sample(const base::Clock& clock) {
  return NftablesEvent(cell_, target_, net::ReadTable(target_.socket, target_.table), clock);
}

}  // namespace probe
