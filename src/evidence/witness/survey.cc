// SPDX-License-Identifier: Apache-2.0
// The pass, and the references that it collects.
#include "evidence/witness/survey.h"

#include <algorithm>

#include "event/types.h"
#include "evidence/verify/line_reader.h"
#include "evidence/verify/run_files.h"

namespace evidence {
namespace {

constexpr std::size_t kMaxId = 64;
constexpr std::size_t kMaxTypes = 16;      // of claims told apart
constexpr std::size_t kMaxLifecycle = 16;
constexpr std::string_view kRuleClass = "GUEST_AGENT_DECLARATION";

bool IsLifecycle(std::string_view type) {
  return type == event::kStarted || type == event::kProcessSpawned || type == event::kCommandCompleted ||
         type == event::kDestroyed;
}

}  // namespace

void BundleRefs::Ends::Note(event::LeafIndex leaf, std::string text, std::size_t kept) {
  tally.Note(leaf);
  if (first.size() < kept / 2) {
    first.push_back(std::move(text));
  } else if (last.size() < kept - kept / 2) {
    last.push_back(std::move(text));
  } else {
    last[next] = std::move(text);
    next = (next + 1) % last.size();
  }
}

std::vector<std::string> BundleRefs::Ends::InOrder() const {
  std::vector<std::string> all = first;
  for (std::size_t i = 0; i < last.size(); ++i) all.push_back(last[(next + i) % last.size()]);
  return all;
}

void BundleRefs::Add(event::LeafIndex leaf, const JcsScanner& line) {
  const auto read = ReadWitnessLeaf(leaf, line);
  const auto id = PlainStringOf(line.Find("id"));
  if (!read || !id || id->size() > kMaxId) return;
  const std::string_view type = read->type;
  if (IsLifecycle(type) && lifecycle_.size() < kMaxLifecycle) {
    lifecycle_.push_back({std::string(*id), std::string(type), leaf});
  }
  if (type == event::kHostCgroup) cgroup_.Note(leaf, std::string(*id), kProbeKept);
  if (type == event::kHostNftables) nftables_.Note(leaf, std::string(*id), kProbeKept);
  if (type == event::kHostFcMetrics) fc_metrics_.Note(leaf, std::string(*id), kProbeKept);
  if (type == event::kHostTapLink) tap_.Note(leaf, std::string(*id), kProbeKept);
  if (read->observer != event::Observer::kAgent || type.size() > 128) return;
  guest_.Note(leaf, std::string(*id).append(" ").append(type), kGuestKept);
  auto count = std::ranges::find(counts_, type, &event::EvidenceBundle::GuestCount::type);
  if (count == counts_.end()) {
    if (counts_.size() >= kMaxTypes) return;
    count = counts_.insert(counts_.end(), {.type = std::string(type), .count = 0, .first = leaf, .last = leaf});
  }
  ++count->count;
  count->last = leaf;
}

void BundleRefs::Fill(event::EvidenceBundle& bundle) const {
  const struct {
    std::string_view name;
    const Ends& ends;
    std::vector<std::string>& list;
  } probes[] = {{"host.cgroup", cgroup_, bundle.cgroup},
                {"host.fc_metrics", fc_metrics_, bundle.fc_metrics},
                {"host.nftables", nftables_, bundle.nftables},
                {"host.tap_link", tap_, bundle.tap}};
  for (const auto& probe : probes) {
    probe.list = probe.ends.InOrder();
    bundle.cut |= probe.ends.cut();
    const Tally& tally = probe.ends.tally;
    if (tally) bundle.host_series.push_back({std::string(probe.name), tally.count, tally.first, tally.last});
  }
  for (const std::string& each : guest_.InOrder()) {
    const auto space = each.find(' ');
    bundle.guest.push_back({each.substr(0, space), each.substr(space + 1), std::string(kRuleClass)});
  }
  bundle.cut |= guest_.cut();
  bundle.guest_events = counts_;
  bundle.lifecycle = lifecycle_;
}

base::Result<RunSurvey> SurveyRun(int run_directory, const std::vector<event::Observer>& lossy) {
  const RunFiles files = TRY(RunFiles::FromDirectory(run_directory, ""));
  const auto events = TRY(files.Find("events.jsonl"));
  if (!events) return base::Fail(base::ErrorKind::kNotFound, "the run has no events.jsonl");
  LineReader lines(*events, event::kMaxLeafBytes);
  RunSurvey survey;
  CrossWitness witness;
  JcsScanner scanner;
  while (const auto line = TRY(lines.Next())) {
    const event::LeafIndex leaf = survey.leaves++;
    if (line->too_long || !line->ended || !scanner.Scan(line->text)) continue;
    witness.Add(leaf, scanner);
    survey.refs.Add(leaf, scanner);
  }
  for (const event::Observer observer : lossy) witness.NoteLossy(observer);
  survey.findings = std::move(witness).Conclude();
  return survey;
}

}  // namespace evidence
