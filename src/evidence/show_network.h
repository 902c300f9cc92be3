// SPDX-License-Identifier: Apache-2.0
// What a run asked of the network, gathered by target: what went through, what was refused, how often and why.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "evidence/verify/jcs_scan.h"

namespace evidence {

// Fed with leaves in order; its memory is bounded whatever the log holds. Every text is escaped.
class NetworkSummary {
 public:
  static constexpr std::size_t kKinds = 100, kFlows = 100'000;

  // `leaf`: members recorded. Leaves that say nothing of the network are passed over.
  void Take(const JcsScanner& leaf, bool proven);
  // Lines, refusals first; empty when the run asked nothing of the network.
  std::string ToText() const;

 private:
  struct Kind {
    bool allowed = false;
    std::string what, why;  // "203.0.113.5:443/tcp (a.example)", "gate_not_answered, default"
    std::uint64_t count = 0, out = 0, in = 0;
    bool proven = true;  // all of it
  };
  // Index of the kind, or kKinds when there is no room for it.
  std::size_t Note(bool allowed, std::string what, std::string why, std::uint64_t count, bool proven);
  void TakeFlow(const JcsScanner& leaf, bool proven);
  void TakeClosed(const JcsScanner& leaf);

  std::vector<Kind> kinds_;
  std::map<std::string, std::size_t> index_;
  std::unordered_map<std::string, std::size_t> kind_of_flow_;
  std::uint64_t not_kept_ = 0;
};

}  // namespace evidence
