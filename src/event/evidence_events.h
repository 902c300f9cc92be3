// SPDX-License-Identifier: Apache-2.0
// Data of the evidence family after leaf 0: coverage, findings, the bundle, closing (evidence.md §2, §5; events.md §7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/cell_ref.h"
#include "event/draft.h"
#include "event/lifecycle_events.h"
#include "event/run_log.h"

namespace event {

// An interval in which an observer saw nothing: boottimens, both ends included.
struct Hole {
  base::BootTime from{}, to{};
  std::string why;
};

Draft CoverageOpenedEvent(const CellRef& cell, Observer observer, std::string_view scope,
                          const std::vector<std::string>& covers);
// `opened` is the leaf of the matching coverage_opened; `counters` up to this event (its own issue not counted).
Draft CoverageClosedEvent(const CellRef& cell, Observer observer, std::string_view scope, LeafIndex opened,
                          const std::vector<Hole>& holes, const Counters& counters);

enum class Verdict : std::uint8_t { kAgree, kGap, kContradiction };
std::string_view ToString(Verdict verdict);
// Observer witness, lane derived. `cites` are earlier leaves and not empty.
Draft FindingEvent(const CellRef& cell, Verdict verdict, std::string_view rule, const std::vector<LeafIndex>& cites,
                   std::string_view text);

struct SourceCounters {
  std::string source;  // observer name, or the sink's name
  Counters counters;
};
struct CoverageRow {
  Observer source;
  std::string scope;
  LeafIndex from = 0, to = 0;  // leaves of coverage_opened and coverage_closed
  std::vector<Hole> holes;
};
struct Closing {
  std::string reason_code;
  std::optional<std::int32_t> exit_code, signal;  // null when absent
  std::vector<SourceCounters> sources, sinks;
  std::vector<CoverageRow> coverage;              // same order as sources
};
Draft ClosingEvent(const CellRef& cell, const Closing& closing);

// JSON texts of the lists, shared with the seal.
std::string CountersJson(const std::vector<SourceCounters>& sources);
std::string CoverageJson(const std::vector<CoverageRow>& coverage);

// "urn:cellos:evidence-bundle:<run id>"
std::string EvidenceBundleUrn(std::string_view run_id);

struct EvidenceBundle {
  std::string spec_signature_hash;
  std::uint64_t emitted_at_unix_ms = 0;
  std::string started, destroyed;  // event ids; started may be empty after an early failure
  std::optional<std::string> command_completed;
  std::vector<std::string> spawned, fc_metrics, cgroup, nftables, tap;
  struct GuestRef {
    std::string id, type, rule_class;
  };
  std::vector<GuestRef> guest;
  bool cut = false;  // some list above has only its first and last ids; the figures below count all
  // What a renderer reads (telemetry.md §5), in the log only.
  struct Series {
    std::string probe_source;  // "host.cgroup"
    std::uint64_t readings = 0;
    LeafIndex first = 0, last = 0;
  };
  struct GuestCount {
    std::string type;
    std::uint64_t count = 0;
    LeafIndex first = 0, last = 0;
  };
  struct LifecycleRow {
    std::string id, type;
    LeafIndex leaf = 0;
  };
  std::vector<Series> host_series;
  std::vector<GuestCount> guest_events;
  std::vector<LifecycleRow> lifecycle;
  std::optional<std::string> homeostasis, compliance_summary, residue_exception;
  ResidueClass residue = ResidueClass::kNone;
};
Draft EvidenceBundleEvent(const CellRef& cell, const EvidenceBundle& bundle);

}  // namespace event
