// SPDX-License-Identifier: Apache-2.0
// The findings of a log held against those that its leaves give.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "evidence/verify/log_checker.h"
#include "evidence/verify/report.h"
#include "evidence/witness/cross_witness.h"

namespace evidence {

// Fed with every leaf that the log checker passed, in order. Memory is bounded.
class FindingsCheck {
 public:
  void Take(std::uint64_t index, const LeafFacts& facts, const JcsScanner& leaf);

  // Never kFailed: what the witness found is what it signed, and another version may know other rules. kWarning when the
  // log says something else than its leaves; kNotChecked of a run that did not come to its findings.
  Check Conclude() &&;

 private:
  CrossWitness witness_;
  std::set<std::string> told_;  // findings of the rules of the cross-witness, each as one text
  bool overflow_ = false, destroyed_ = false;
};

}  // namespace evidence
