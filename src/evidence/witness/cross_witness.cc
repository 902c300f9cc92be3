// SPDX-License-Identifier: Apache-2.0
// Leaves to facts, facts to findings.
#include "evidence/witness/cross_witness.h"

#include "event/types.h"

namespace evidence {
namespace {

// Written by the supervisor about the run once that has been judged: not part of what is judged, not even its clock.
bool ComesAfterTheJudgement(std::string_view type) { return type == event::kClosing || type == event::kEvidenceBundle; }

void TakeClosed(const WitnessLeaf& leaf, ChannelFacts& channel) {
  const auto observer = event::ObserverOf(leaf.Text("observer"));
  const std::string_view counters = leaf.Data("counters"), holes = leaf.Data("holes");
  const bool whole = holes == "[]" && NumberIn(counters, "dropped") == 0 && NumberIn(counters, "unknown") == 0;
  if (observer && !whole) channel.NoteLossy(*observer);
}

}  // namespace

void CrossWitness::Add(event::LeafIndex leaf, std::string_view line) {
  if (line.size() <= event::kMaxLeafBytes && scanner_.Scan(line)) Add(leaf, scanner_);
}

void CrossWitness::Add(event::LeafIndex leaf, const JcsScanner& line) {
  const auto read = ReadWitnessLeaf(leaf, line);
  if (!read || ComesAfterTheJudgement(read->type)) return;
  if (read->type == event::kCoverageClosed) return TakeClosed(*read, facts_.channel);
  facts_.channel.Take(*read);
  facts_.process.Take(*read);
  facts_.network.Take(*read);
}

std::vector<WitnessFinding> CrossWitness::Conclude() && {
  std::vector<WitnessFinding> findings;
  facts_.network.FinishNames();
  for (const Rule& rule : CrossWitnessRules()) {
    Bench bench(rule.name, findings);
    rule.judge(facts_, bench);
  }
  return findings;
}

}  // namespace evidence
