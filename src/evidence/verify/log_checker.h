// SPDX-License-Identifier: Apache-2.0
// The rules of evidence.md §2 for every leaf, and what the log says of itself: coverage, findings, closing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/sha256.h"
#include "event/draft.h"
#include "evidence/verify/accounts.h"
#include "evidence/verify/jcs_scan.h"

namespace evidence {

struct ClosingLeaf {
  OutcomeRow outcome;
  std::vector<SourceRow> sources;
  std::vector<IntervalRow> coverage;
};

// One leaf as the checker saw it: what the caller needs besides the verdict.
struct LeafFacts {
  std::string_view type, time;    // views of the line
  std::string_view frame_sha256;  // hex; empty unless claimed
  event::Observer observer{};
  event::Lane lane{};
};

struct LogSummary {
  std::vector<Interval> coverage;  // in the order opened; at most one per observer
  std::optional<ClosingLeaf> closing;
  std::uint64_t agree = 0, gap = 0, contradiction = 0;
  std::vector<std::uint64_t> first_contradictions;  // at most 20
  crypto::Sha256 contradictions;                    // over their leaf indices in decimal, each with a comma behind it
  bool has_controls = false, has_cgroup_leaf = false;
  std::string first_time, last_time;
};

class LogChecker {
 public:
  explicit LogChecker(std::string run_id) : run_id_(std::move(run_id)) {}

  // Judges leaf `index`, the indices in order from 0. kInvalid: which rule is broken. Memory stays bounded.
  base::Result<LeafFacts> Check(std::uint64_t index, std::string_view line);
  const LogSummary& summary() const { return summary_; }
  // The leaf checked last: its members.
  const JcsScanner& leaf() const { return leaf_; }

 private:
  struct Envelope;
  base::Result<> ReadEnvelope(Envelope& envelope) const;
  base::Result<> CheckEnvelope(std::uint64_t index, const Envelope& envelope, LeafFacts& facts);
  base::Result<> CheckClaim(LeafFacts& facts) const;
  base::Result<> CheckCites(std::uint64_t index) const;
  base::Result<> CheckFamily(std::uint64_t index, const LeafFacts& facts);
  base::Result<> OnCoverageOpened(std::uint64_t index);
  base::Result<> OnCoverageClosed(std::uint64_t index);
  base::Result<> OnFinding(std::uint64_t index, const LeafFacts& facts);
  base::Result<> OnClosing();
  void OnControls();
  Interval* FindInterval(event::Observer observer);

  const std::string run_id_;
  JcsScanner leaf_;
  std::array<std::uint64_t, event::kObserverCount> last_boot_{};
  std::uint64_t boot_ = 0;  // of the leaf in hand
  LogSummary summary_;
};

}  // namespace evidence
