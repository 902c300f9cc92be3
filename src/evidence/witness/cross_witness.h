// SPDX-License-Identifier: Apache-2.0
// Two witnesses of one cell held against each other: a function from a log to findings (telemetry.md §5).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "evidence/verify/jcs_scan.h"
#include "evidence/witness/rules.h"

namespace evidence {

// Fed with the lines of a log in order. Total on hostile lines, memory bounded whatever they say. What the witness itself
// has written, and the bundle, change nothing, and of coverage_closed only that something is missing counts: the findings of a whole log are those of the run that it tells.
// Used by one thread.
class CrossWitness {
 public:
  void Add(event::LeafIndex leaf, std::string_view line);
  // The same of a line that was scanned, with its members recorded.
  void Add(event::LeafIndex leaf, const JcsScanner& line);

  // An observer whose coverage_closed will tell of losses or holes; the line itself says the same.
  void NoteLossy(event::Observer observer) { facts_.channel.NoteLossy(observer); }

  // In the order of the rules; at most one for each rule and verdict, but contradictions and steps one by one up to a bound.
  std::vector<WitnessFinding> Conclude() &&;

 private:
  JcsScanner scanner_;
  Facts facts_;
};

}  // namespace evidence
