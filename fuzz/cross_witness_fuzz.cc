// SPDX-License-Identifier: Apache-2.0
// Lines of any log: the cross-witness ends, cites only leaves that were there, and says the same when its own findings
// stand behind them.
#include <cstdint>
#include <cstdlib>

#include "event/evidence_events.h"
#include "evidence/witness/cross_witness.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = base::AsText({data, size});
  evidence::CrossWitness witness, again;
  std::uint64_t index = 0;
  for (; !text.empty(); ++index) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    witness.Add(index, line);
    again.Add(index, line);
  }
  const auto findings = std::move(witness).Conclude();
  for (const evidence::WitnessFinding& each : findings) {
    Require(!each.cites.empty() && each.cites.back() < index);
    Require(evidence::IsCrossWitnessRule(each.rule) && !each.text.empty());
    const event::Draft draft = event::FindingEvent({}, each.verdict, each.rule, each.cites, each.text);
    again.Add(index++, R"({"boottimens":"1","data":)" + draft.data +
                           R"(,"observer":"witness","type":"dev.cellos.events.cell.evidence_log.v1.finding"})");
  }
  Require(std::move(again).Conclude() == findings);
  return 0;
}
