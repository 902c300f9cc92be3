// SPDX-License-Identifier: Apache-2.0
// A seal held against the log, the files and the rules of evidence.md §5 and §6. Every function: kInvalid says what
// differs, expected and found.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "evidence/verify/leaf_zero.h"
#include "evidence/verify/log_walk.h"
#include "evidence/verify/plan_file.h"
#include "evidence/verify/run_files.h"
#include "evidence/verify/seal_reader.h"
#include "spec/cell_document.h"

namespace evidence {

// The leaves that a seal points to, followed while the log is read.
class SealPointers {
 public:
  static base::Result<SealPointers> Of(const Seal& seal);
  // Each leaf in order; a leaf of another type, lane or secret name is an error.
  base::Result<> Visit(std::uint64_t index, const LeafFacts& facts, const JcsScanner& leaf);
  // None points behind the proven part.
  base::Result<> Finish() const;

 private:
  struct Pointer {
    std::uint64_t leaf;
    std::string_view member, type, name;  // name: JSON string, empty for controls
  };
  std::vector<Pointer> pointers_;  // sorted by leaf
  std::size_t next_ = 0;
};

// run, software, machine, previousSeal and digests are those of leaf 0; log is the last checkpoint; the tail is as it
// is.
base::Result<> CheckStatement(const Seal& seal, const LeafZero& zero, const LogWalk& walk);

// Subjects are exactly the files, each with its digest.
base::Result<> CheckSubjects(const Seal& seal, const RunFiles& files, const LogWalk& walk, const PlanFile& plan);

// sources of closing and seal agree with each other and with every coverage_closed.
base::Result<> CheckSources(const Seal& seal, const LogSummary& summary);
// coverage of closing and seal is that of the log; of a cut run that of its proven part.
base::Result<> CheckCoverage(const Seal& seal, const LogWalk& walk);
// complete is what follows from the required sources.
base::Result<> CheckComplete(const Seal& seal, const std::vector<std::string>& required);
base::Result<> CheckFindings(const Seal& seal, const LogSummary& summary);

}  // namespace evidence
