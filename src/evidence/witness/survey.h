// SPDX-License-Identifier: Apache-2.0
// One pass over the log of a run whose cell is gone: what its witnesses say of each other, and what its bundle refers to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/evidence_events.h"
#include "evidence/witness/cross_witness.h"

namespace evidence {

// References of the evidence bundle (events.md §7), collected from the leaves themselves. Bounded: of a long list the
// first and the last ids are kept, and the bundle says how many there are.
class BundleRefs {
 public:
  static constexpr std::size_t kGuestKept = 100, kProbeKept = 100;
  void Add(event::LeafIndex leaf, const JcsScanner& line);
  // Fills the lists of probes and claims, and the members that only the log has.
  void Fill(event::EvidenceBundle& bundle) const;

 private:
  // The first and the last of many.
  struct Ends {
    std::vector<std::string> first, last;
    std::size_t next = 0;  // of `last`, which is a ring once it is full
    Tally tally;
    void Note(event::LeafIndex leaf, std::string text, std::size_t kept);
    bool cut() const { return tally.count > first.size() + last.size(); }
    std::vector<std::string> InOrder() const;
  };
  Ends cgroup_, nftables_, fc_metrics_, tap_;
  Ends guest_;  // "<id> <type>"
  std::vector<event::EvidenceBundle::GuestCount> counts_;
  std::vector<event::EvidenceBundle::LifecycleRow> lifecycle_;
};

struct RunSurvey {
  std::vector<WitnessFinding> findings;
  BundleRefs refs;
  std::uint64_t leaves = 0;
};
// Reads events.jsonl of the open run directory as it is on disk; flush the log before. `lossy`: observers whose
// coverage_closed, still to come, will tell of losses or holes.
base::Result<RunSurvey> SurveyRun(int run_directory, const std::vector<event::Observer>& lossy);

}  // namespace evidence
