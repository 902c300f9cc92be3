// SPDX-License-Identifier: Apache-2.0
// Texts and records that tools outside tell of rules and flows.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/flow_ring.h"
#include "net/rule_decision.h"
#include "probe/ruleset_json.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

void Judge(std::string_view text) {
  const net::RuleDecision decision = net::DecideRuleText(text);
  Require(!decision.reason_code.empty());
  Require(!decision.allowed || text.find("accept") != text.npos);
  Require(decision.port.has_value() == decision.protocol.has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto rows = probe::ReadRulesetJson(bytes)) {
    for (const probe::RulesetRow& row : *rows) Judge(row.repr);
  }
  Judge(bytes);
  Require(net::ReadFlowRingRecord(bytes).has_value() == (size == net::kFlowRingRecordBytes));
  return 0;
}
