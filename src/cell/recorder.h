// SPDX-License-Identifier: Apache-2.0
// The one way into the run log for the life-cycle: events, coverage of each observer, ids to cite later.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/cell_ref.h"
#include "event/draft.h"
#include "event/evidence_events.h"
#include "event/run_log.h"
#include "evidence/seal.h"

namespace cell {

// Where an event stands and how others name it.
struct Recorded {
  event::LeafIndex leaf = 0;
  std::string id;
};

// Used by one thread.
class Recorder {
 public:
  Recorder(event::RunLog log, event::CellRef cell) : log_(std::move(log)), cell_(std::move(cell)) {}

  const event::CellRef& cell() const { return cell_; }
  event::RunLog& log() { return log_; }

  // Appends; the first failure is kept (failed()) and told to every later caller as well, until UseReserve.
  base::Result<Recorded> Emit(event::Draft draft);
  // The same where a failure changes nothing for the caller: it stays in failed().
  std::optional<Recorded> TryEmit(event::Draft draft);
  // The same for a draft that no other event will name.
  std::optional<event::LeafIndex> TryAppend(const event::Draft& draft);
  // A claim; one that does not come into the log is counted as dropped.
  base::Result<event::LeafIndex> Emit(const event::GuestClaim& claim);
  // Something of `observer` could not be kept for another reason than the log's: counted, and a failure like any other.
  base::Result<> Fail(event::Observer observer, base::Error error);
  const std::optional<base::Error>& failed() const { return failed_; }
  // For the way out: gives back the disk space that was set aside for it, and tries again what a full disk refused.
  // failed() stays.
  void UseReserve();

  // Emits a finding and counts it for the seal; every finding of a run goes through here. `cites` is not empty.
  std::optional<Recorded> Find(event::Verdict verdict, std::string_view rule, const std::vector<event::LeafIndex>& cites,
                               std::string_view text);
  // The findings that are in the log.
  const evidence::FindingCounts& findings() const { return findings_; }

  // Says that `observer` watches from now on.
  base::Result<> OpenCoverage(event::Observer observer, const std::vector<std::string>& covers);
  // `observer` saw nothing from `from` to `to`; for its coverage, which is open. A leaf holds only so many: what comes after
  // makes the last one longer.
  static constexpr std::size_t kMaxHoles = 64;
  void NoteHole(event::Observer observer, base::BootTime from, base::BootTime to, std::string why);
  // Those with a hole or a loss so far: what their coverage_closed will tell.
  std::vector<event::Observer> LossyObservers() const;
  // Closes every coverage in the order it was opened.
  void CloseCoverage();
  // Rows for `closing` and the seal; complete after CloseCoverage.
  const std::vector<event::CoverageRow>& coverage() const { return coverage_; }
  const std::vector<event::SourceCounters>& sources() const { return sources_; }

 private:
  base::Result<event::LeafIndex> Append(const event::Draft& draft);

  event::RunLog log_;
  event::CellRef cell_;
  std::optional<base::Error> failed_;
  bool ending_ = false;
  std::vector<event::CoverageRow> coverage_;
  std::vector<event::SourceCounters> sources_;
  evidence::FindingCounts findings_;
};

}  // namespace cell
