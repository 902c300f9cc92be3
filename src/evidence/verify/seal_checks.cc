// SPDX-License-Identifier: Apache-2.0
// Comparisons of the seal.
#include "evidence/verify/seal_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/encoding.h"
#include "event/types.h"
#include "evidence/verify/jcs_scan.h"
#include "evidence/verify/text_forms.h"

namespace evidence {
namespace {

std::unexpected<base::Error> Bad(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

base::Result<> Same(std::string_view what, std::string_view expected, std::string_view found) {
  if (expected == found) return {};
  return Bad(fmt::format("seal.json: {} should be {}, found {}", what, base::Escape(expected), base::Escape(found)));
}

std::string JsonOf(const std::optional<std::string>& digest) { return digest ? "\"" + *digest + "\"" : "null"; }

base::Result<> CheckLog(const Seal& seal, const LeafZero& zero, const LogWalk& walk) {
  if (!walk.last) return Bad("seal.json: there is no valid checkpoint that it could seal");
  TRY(Same("log.size", fmt::format("{}", walk.last->size), fmt::format("{}", seal.size)));
  TRY(Same("log.rootHash", base::Base64Encode(walk.last->root), seal.root_hash));
  TRY(Same("log.checkpoint", walk.last->note, seal.checkpoint));
  return Same("log.runKey", zero.run_vkey, seal.run_vkey);
}

base::Result<> CheckEnd(const Seal& seal, const LogWalk& walk) {
  const Tail& tail = walk.tail;
  if (!seal.cut()) {
    if (!walk.summary.closing) return Bad("events.jsonl: the last leaf of a sealed run is not closing");
    if (tail.bytes != 0) return Bad(fmt::format("events.jsonl: {} bytes stand behind the sealed log", tail.bytes));
    return {};
  }
  if (walk.summary.closing) return Bad("seal.json: it says cut, but closing is proven");
  const auto text = [](const Tail& t) { return fmt::format("{} lines, {} bytes, torn {}", t.lines, t.bytes, t.torn); };
  return Same("tail", text(tail), text(*seal.tail));
}

// The files of the run that exist and must be named, with their digests.
using Digests = std::unordered_map<std::string, std::string>;

base::Result<Digests> DigestFiles(const RunFiles& files, const LogWalk& walk, const PlanFile& plan) {
  Digests digests;
  digests.emplace("events.jsonl", crypto::Hex(walk.events_digest));
  if (plan.present) digests.emplace("plan.json", plan.sha256);
  for (const char* name : {"checkpoints", "document.json", "frames"}) {
    const auto file = TRY(files.Find(name));
    if (file) digests.emplace(name, crypto::Hex(TRY_WITH(name, file->Digest())));
  }
  const auto add = [&](const std::string& name) -> base::Result<> {
    const std::string path = "exports/" + name;
    const auto file = TRY(files.Find(path));
    if (!file) return Bad(fmt::format("{} could not be opened", base::Escape(path)));
    digests.emplace(path, crypto::Hex(TRY_WITH(path, file->Digest())));
    return {};
  };
  TRY(files.ForEachExport(add));
  return digests;
}

IntervalRow RowOf(const Interval& interval, std::uint64_t open_end) {
  return {.source = std::string(event::ToString(interval.observer)),
          .scope = interval.scope,
          .from = interval.opened,
          .to = interval.closed.value_or(open_end),
          .holes = interval.holes};
}

// `rows` are the intervals of the log, each once, in any order.
base::Result<> CheckRows(std::string_view where, const std::vector<IntervalRow>& rows, const LogWalk& walk) {
  const std::vector<Interval>& intervals = walk.summary.coverage;
  if (rows.size() != intervals.size()) {
    return Bad(fmt::format("{}: coverage should list {} intervals, found {}", where, intervals.size(), rows.size()));
  }
  for (const Interval& interval : intervals) {
    const IntervalRow expected = RowOf(interval, walk.proven() - 1);
    if (std::ranges::count(rows, expected) != 1) {
      return Bad(fmt::format("{}: coverage should list {} from leaf {} to {} with {} holes, once", where,
                             expected.source, expected.from, expected.to, expected.holes.size()));
    }
  }
  return {};
}

}  // namespace

base::Result<SealPointers> SealPointers::Of(const Seal& seal) {
  SealPointers pointers;
  if (seal.controls) pointers.pointers_.push_back({*seal.controls, "controls", event::kEffectiveControls, {}});
  for (const SealedSecret& secret : TRY(ReadSecrets(seal))) {
    if (secret.delivered_at)
      pointers.pointers_.push_back({*secret.delivered_at, "deliveredAt", event::kSecretDelivered, secret.name});
    if (secret.revoked_at)
      pointers.pointers_.push_back({*secret.revoked_at, "revokedAt", event::kSecretRevoked, secret.name});
  }
  std::ranges::stable_sort(pointers.pointers_, {}, &Pointer::leaf);
  return pointers;
}

base::Result<> SealPointers::Visit(std::uint64_t index, const LeafFacts& facts, const JcsScanner& leaf) {
  for (; next_ < pointers_.size() && pointers_[next_].leaf == index; ++next_) {
    const Pointer& pointer = pointers_[next_];
    if (facts.type != pointer.type || facts.lane != event::Lane::kWitnessed) {
      return Bad(
          fmt::format("{} of the seal points to it, but its type is {}", pointer.member, base::Escape(facts.type)));
    }
    if (!pointer.name.empty() && leaf.FindData("name") != pointer.name) {
      return Bad(fmt::format("{} of the seal points to it, but it is about another secret", pointer.member));
    }
  }
  return {};
}

base::Result<> SealPointers::Finish() const {
  if (next_ == pointers_.size()) return {};
  return Bad(fmt::format("seal.json: {} points to leaf {}, which is not proven", pointers_[next_].member,
                         pointers_[next_].leaf));
}

base::Result<> CheckStatement(const Seal& seal, const LeafZero& zero, const LogWalk& walk) {
  TRY(CheckLog(seal, zero, walk));
  TRY(CheckEnd(seal, walk));
  TRY(Same("run.cellId", zero.cell_id, seal.cell_id));
  TRY(Same("run.runId", zero.run_id, seal.run_id));
  TRY(Same("run.origin", zero.origin, seal.origin));
  TRY(Same("run.startedOn", zero.time, seal.started_on));
  TRY(Same("run.finishedOn", walk.summary.last_time, seal.finished_on));
  TRY(Same("enforced.specDigest", JsonOf(zero.spec_digest), seal.spec_digest));
  TRY(Same("enforced.policyPackDigest", JsonOf(zero.policy_pack_digest), seal.policy_pack_digest));
  TRY(Same("enforced.planDigest", JsonOf(zero.plan_digest), seal.plan_digest));
  TRY(Same("software", zero.software_json, seal.software));
  TRY(Same("machine", zero.machine_json, seal.machine));
  TRY(Same("previousSeal", zero.previous_seal_json, seal.previous_seal));
  const OutcomeRow& outcome = seal.outcome;
  if (!walk.summary.closing || walk.summary.closing->outcome == outcome) return {};
  const auto text = [](const OutcomeRow& o) {
    return fmt::format("{}, exit {}, signal {}", o.reason_code, o.exit_code, o.signal);
  };
  return Same("outcome", text(walk.summary.closing->outcome), text(outcome));
}

base::Result<> CheckSubjects(const Seal& seal, const RunFiles& files, const LogWalk& walk, const PlanFile& plan) {
  Digests digests = TRY(DigestFiles(files, walk, plan));
  JsonArray subjects(seal.subjects);
  for (std::string_view subject; subjects.Next(subject);) {
    const auto name = StringOf(FindMember(subject, "name"));
    const auto digest = PlainStringOf(FindMember(FindMember(subject, "digest"), "sha256"));
    if (!name || !digest || !IsHexDigest(*digest)) return Bad("seal.json: a subject lacks its name or its sha256");
    const auto file = digests.find(*name);
    if (file == digests.end())
      return Bad(fmt::format("seal.json: subject {} is no file of the run, or named twice", base::Escape(*name)));
    if (file->second != *digest)
      return Bad(fmt::format("{}: SHA-256 should be {}, found {}", base::Escape(*name), *digest, file->second));
    digests.erase(file);
  }
  if (digests.empty()) return {};
  return Bad(fmt::format("{} is there, but the seal does not name it", base::Escape(digests.begin()->first)));
}

base::Result<> CheckSources(const Seal& seal, const LogSummary& summary) {
  if (seal.cut()) return seal.sources.empty() ? base::Result<>() : Bad("seal.json: sources of a cut run are not empty");
  const std::vector<SourceRow>& sources = summary.closing->sources;
  if (sources != seal.sources) return Bad("seal.json: sources differ from those of closing");
  for (const Interval& interval : summary.coverage) {
    const std::string_view name = event::ToString(interval.observer);
    bool found = false;
    for (const SourceRow& source : sources) {
      if (source.source != name) continue;
      found = true;
      if (source.counts != interval.counts)
        return Bad(fmt::format("closing: the counters of {} differ from its coverage_closed", name));
    }
    if (!found) return Bad(fmt::format("closing: sources leave {} out, which has an interval", name));
  }
  return {};
}

base::Result<> CheckCoverage(const Seal& seal, const LogWalk& walk) {
  if (seal.cut()) return CheckRows("seal.json", seal.coverage, walk);
  TRY(CheckRows("closing", walk.summary.closing->coverage, walk));
  if (walk.summary.closing->coverage != seal.coverage) return Bad("seal.json: coverage differs from that of closing");
  return {};
}

base::Result<> CheckComplete(const Seal& seal, const std::vector<std::string>& required) {
  const bool complete = !seal.cut() && IsComplete(required, seal.sources, seal.coverage);
  return Same("complete", complete ? "true" : "false", seal.complete ? "true" : "false");
}

base::Result<> CheckFindings(const Seal& seal, const LogSummary& summary) {
  TRY(Same("findings.agree", fmt::format("{}", summary.agree), fmt::format("{}", seal.agree)));
  TRY(Same("findings.gap", fmt::format("{}", summary.gap), fmt::format("{}", seal.gap)));
  TRY(Same("findings.contradiction", fmt::format("{}", summary.contradiction), fmt::format("{}", seal.contradiction)));
  crypto::Sha256 listed;
  JsonArray leaves(seal.contradictions);
  for (std::string_view leaf; leaves.Next(leaf);) listed.Update(leaf).Update(std::string_view(","));
  if (listed.Finish() == crypto::Sha256(summary.contradictions).Finish()) return {};
  return Bad("seal.json: findings.contradictions does not list the contradictions of the log");
}

}  // namespace evidence
