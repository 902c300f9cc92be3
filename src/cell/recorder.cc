// SPDX-License-Identifier: Apache-2.0
// Coverage is closed in one place so that the figures of coverage_closed, closing and seal can't disagree.
#include "cell/recorder.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "crypto/random.h"

namespace cell {
namespace {
constexpr std::string_view kScope = "cell";
}  // namespace

base::Result<event::LeafIndex> Recorder::Append(const event::Draft& draft) {
  if (failed_ && !ending_) return std::unexpected(*failed_);
  auto leaf = log_.Append(draft);
  if (leaf) return leaf;
  base::Error error = std::move(leaf).error().With("run log");
  if (!failed_) failed_ = error;
  return std::unexpected(std::move(error));
}

base::Result<Recorded> Recorder::Emit(event::Draft draft) {
  if (draft.id.empty()) draft.id = crypto::NewUuid();
  std::string id = draft.id_form == event::IdForm::kEventUrn ? "urn:cellos:event:" + draft.id : draft.id;
  const event::LeafIndex leaf = TRY(Append(draft));
  return Recorded{leaf, std::move(id)};
}

std::optional<event::LeafIndex> Recorder::TryAppend(const event::Draft& draft) {
  const auto leaf = Append(draft);
  return leaf ? std::optional(*leaf) : std::nullopt;
}

std::optional<Recorded> Recorder::TryEmit(event::Draft draft) {
  auto recorded = Emit(std::move(draft));
  if (!recorded) return std::nullopt;
  return std::move(*recorded);
}

base::Result<event::LeafIndex> Recorder::Emit(const event::GuestClaim& claim) {
  if (failed_ && !ending_) {
    log_.CountDropped(claim.draft().observer, 1);
    return std::unexpected(*failed_);
  }
  auto leaf = log_.Append(claim);
  if (!leaf && !failed_) failed_ = base::Error(leaf.error()).With("run log");
  return leaf;
}

base::Result<> Recorder::Fail(event::Observer observer, base::Error error) {
  log_.CountDropped(observer, 1);
  if (!failed_) failed_ = error;
  return std::unexpected(std::move(error));
}

void Recorder::UseReserve() {
  log_.ReleaseReserve();
  ending_ = true;
}

std::optional<Recorded> Recorder::Find(event::Verdict verdict, std::string_view rule,
                                       const std::vector<event::LeafIndex>& cites, std::string_view text) {
  auto told = TryEmit(event::FindingEvent(cell_, verdict, rule, cites, text));
  if (!told) return told;
  switch (verdict) {
    case event::Verdict::kAgree: ++findings_.agree; break;
    case event::Verdict::kGap: ++findings_.gap; break;
    case event::Verdict::kContradiction: findings_.contradictions.push_back(told->leaf); break;
  }
  return told;
}

base::Result<> Recorder::OpenCoverage(event::Observer observer, const std::vector<std::string>& covers) {
  const Recorded opened = TRY(Emit(event::CoverageOpenedEvent(cell_, observer, kScope, covers)));
  coverage_.push_back({.source = observer, .scope = std::string(kScope), .from = opened.leaf});
  return {};
}

void Recorder::NoteHole(event::Observer observer, base::BootTime from, base::BootTime to, std::string why) {
  for (event::CoverageRow& row : coverage_) {
    if (row.source != observer) continue;
    if (row.holes.size() < kMaxHoles) {
      row.holes.push_back({from, to, std::move(why)});
      continue;
    }
    event::Hole& last = row.holes.back();
    last = {std::min(last.from, from), std::max(last.to, to), "several: " + why};
  }
}

std::vector<event::Observer> Recorder::LossyObservers() const {
  std::vector<event::Observer> lossy;
  for (const event::CoverageRow& row : coverage_) {
    const event::Counters counters = log_.CountersOf(row.source);
    if (!row.holes.empty() || counters.dropped > 0 || counters.unknown > 0) lossy.push_back(row.source);
  }
  return lossy;
}

void Recorder::CloseCoverage() {
  for (event::CoverageRow& row : coverage_) {
    const event::Counters counters = log_.CountersOf(row.source);
    sources_.push_back({std::string(event::ToString(row.source)), counters});
    auto closed = TryEmit(event::CoverageClosedEvent(cell_, row.source, kScope, row.from, row.holes, counters));
    if (closed) row.to = closed->leaf;
  }
}

}  // namespace cell
