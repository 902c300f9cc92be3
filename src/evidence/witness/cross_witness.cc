// SPDX-License-Identifier: Apache-2.0
// Leaves to facts, facts to findings.
#include "evidence/witness/cross_witness.h"

#include "event/types.h"

namespace evidence {
namespace {

// Written about the run once its cell is gone: not part of what is judged.
bool IsAboutTheLog(std::string_view type) {
  return type == event::kFinding || type == event::kCoverageClosed || type == event::kClosing ||
         type == event::kEvidenceBundle;
}

}  // namespace

void CrossWitness::Add(event::LeafIndex leaf, std::string_view line) {
  if (line.size() <= event::kMaxLeafBytes && scanner_.Scan(line)) Add(leaf, scanner_);
}

void CrossWitness::Add(event::LeafIndex leaf, const JcsScanner& line) {
  const auto read = ReadWitnessLeaf(leaf, line);
  if (!read || IsAboutTheLog(read->type)) return;
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
