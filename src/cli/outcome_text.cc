// SPDX-License-Identifier: Apache-2.0
// Printing a RunOutcome.
#include "cli/outcome_text.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>

#include "base/encoding.h"
#include "cli/console.h"
#include "json/writer.h"

namespace cli {
namespace {

using cell::Reason;
using cell::RunOutcome;

constexpr std::size_t kDenialsInJson = 20, kDenialsInSummary = 5;

void OptionalNumber(json::Writer& w, std::string_view name, const std::optional<std::uint64_t>& value) {
  w.Key(name);
  if (value) {
    w.Uint(*value);
  } else {
    w.Null();
  }
}

void OptionalInt(json::Writer& w, std::string_view name, const std::optional<int>& value) {
  w.Key(name);
  if (value) {
    w.Int(*value);
  } else {
    w.Null();
  }
}

void Lists(json::Writer& w, const RunOutcome& o) {
  w.Key("denials").BeginArray();
  for (std::size_t i = 0; i < std::min(o.denials.size(), kDenialsInJson); ++i) {
    const auto& line = o.denials[i];
    w.BeginObject().Member("what", line.what).Member("ruleRef", line.rule_ref).Member("reasonCode", line.reason_code);
    w.Member("count", line.count);
    if (!line.hint.empty()) w.Member("hint", line.hint);
    w.EndObject();
  }
  w.EndArray();
  w.Key("exports").BeginArray();
  for (const auto& line : o.exports) {
    w.BeginObject().Member("name", line.name).Member("sha256", line.sha256).Member("bytes", line.bytes);
    w.Member("path", line.path).EndObject();
  }
  w.EndArray();
  w.Key("findings").BeginObject().Member("agree", o.findings_agree).Member("gap", o.findings_gap);
  w.Member("contradiction", o.findings_contradiction).EndObject();
}

void Refusal(json::Writer& w, const RunOutcome& o) {
  if (o.reason != Reason::kRefused) return;
  w.Member("refusal", o.refusal).Key("violations").BeginArray();
  for (const auto& v : o.violations) {
    w.BeginObject().Member("rule", v.rule).Member("pointer", v.pointer).Member("message", v.message).EndObject();
  }
  w.EndArray();
}

bool NeverRan(Reason reason) {
  switch (reason) {
    case Reason::kStartFailed:
    case Reason::kBootFailed:
    case Reason::kRefused:
    case Reason::kCommandNotFound:
    case Reason::kCommandNotExecutable:
      return true;
    default:
      return false;
  }
}

// What a user has to be told even with --quiet: it never ran, or it did and the fault is ours.
bool IsToldAlways(Reason reason) {
  switch (reason) {
    case Reason::kEvidenceFailed:
    case Reason::kInitCrashed:
    case Reason::kGateFailed:
    case Reason::kAgentSilenced:
      return true;
    default:
      return NeverRan(reason);
  }
}

std::string HowItEnded(const RunOutcome& o) {
  std::string text(ToString(o.reason));
  if (o.reason == Reason::kCompleted && o.exit_code) text = fmt::format("exit {}", *o.exit_code);
  if (o.signal) {
    const char* name = ::sigabbrev_np(*o.signal);
    text += name != nullptr ? fmt::format(", SIG{}", name) : fmt::format(", signal {}", *o.signal);
  }
  return text;
}

// "denied 3 × tracker.example: no rule; `--allow tracker.example` would grant it".
std::string Network(const RunOutcome& o) {
  std::string text;
  if (o.network_allowed != 0) text += fmt::format("  network  {} connections\n", o.network_allowed);
  for (std::size_t i = 0; i < std::min(o.denials.size(), kDenialsInSummary); ++i) {
    const auto& line = o.denials[i];
    text += fmt::format("  denied   {} × {}: {}{}{}\n", line.count, base::Escape(line.what, 300), line.words,
                        line.hint.empty() ? "" : "; ", base::Escape(line.hint, 500));
  }
  if (o.denials.size() > kDenialsInSummary) {
    text += fmt::format("  denied   and {} more kinds, {} refusals in all\n", o.denials.size() - kDenialsInSummary,
                        o.network_denied);
  }
  return text;
}

}  // namespace

std::string OutcomeJson(const RunOutcome& o) {
  std::string text;
  json::Writer w(text);
  w.BeginObject().Member("runId", o.run_id).Member("cellId", o.cell_id).Member("backend", o.backend);
  OptionalInt(w, "exitCode", o.exit_code);
  OptionalInt(w, "signal", o.signal);
  w.Member("reasonCode", ToString(o.reason));
  if (!o.phase.empty()) w.Member("phase", o.phase);
  if (!o.message.empty()) w.Member("message", o.message);
  Refusal(w, o);
  w.Key("startedAt");
  if (o.started_at.empty()) {
    w.Null();
  } else {
    w.String(o.started_at);
  }
  w.Member("durationMs", static_cast<std::uint64_t>(o.duration.count()));
  w.Key("usage").BeginObject().Member("cpuUsec", o.cpu_usec);
  OptionalNumber(w, "memoryPeakBytes", o.memory_peak_bytes);
  OptionalNumber(w, "pidsPeak", o.pids_peak);
  w.EndObject();
  w.Key("network").BeginObject().Member("allowed", o.network_allowed).Member("denied", o.network_denied).EndObject();
  Lists(w, o);
  w.Key("evidence").BeginObject().Member("dir", o.evidence_dir).Member("size", o.evidence_size);
  w.Member("root", o.evidence_root).Member("complete", o.evidence_complete).EndObject();
  if (!o.notes.empty() || !o.not_enforced.empty()) {
    w.Key("notes").BeginArray();
    for (const auto& loss : o.not_enforced) w.String("not enforced: " + loss);
    for (const auto& note : o.notes) w.String(note);
    w.EndArray();
  }
  w.EndObject();
  return text + "\n";
}

std::string WhyNotRun(const RunOutcome& o) {
  if (!IsToldAlways(o.reason)) return {};
  std::string text(ToString(o.reason));
  if (!o.refusal.empty()) text += " (" + base::Escape(o.refusal) + ")";
  if (!o.phase.empty()) text += " in phase " + base::Escape(o.phase);
  if (!o.message.empty()) text += ": " + base::Escape(o.message, 2000);
  if (o.violations.size() > 1) {
    for (const auto& v : o.violations) {
      text += fmt::format("\n  {}{}{}", base::Escape(v.pointer), v.pointer.empty() ? "" : ": ",
                          base::Escape(v.message, 500));
    }
  }
  return text;
}

std::string OutcomeSummary(const RunOutcome& o) {
  std::string text = fmt::format("cellos: run {}: {} after {}\n", base::Escape(o.run_id), HowItEnded(o),
                                 HumanDuration(static_cast<std::uint64_t>(o.duration.count())));
  if (!IsToldAlways(o.reason) && !o.message.empty()) text += fmt::format("  {}\n", base::Escape(o.message, 2000));
  if (!NeverRan(o.reason)) {
    text += fmt::format("  used     {} of processor time", HumanDuration(o.cpu_usec / 1000));
    if (o.memory_peak_bytes) text += fmt::format(", at most {} of memory", HumanBytes(*o.memory_peak_bytes));
    if (o.pids_peak) text += fmt::format(", at most {} processes", *o.pids_peak);
    text += "\n";
  }
  text += Network(o);
  for (const auto& line : o.exports) {
    text += fmt::format("  export   {} ({}) {}\n           sha256 {}\n", base::Escape(line.name), HumanBytes(line.bytes),
                        base::Escape(line.path), line.sha256);
  }
  for (const auto& loss : o.not_enforced) text += fmt::format("  warning  not enforced: {}\n", base::Escape(loss, 500));
  for (const auto& note : o.notes) text += fmt::format("  note     {}\n", base::Escape(note, 500));
  if (o.findings_contradiction != 0) {
    text += fmt::format("  warning  {} contradictions between witnesses\n", o.findings_contradiction);
  }
  if (o.evidence_dir.empty()) return text + "  evidence none could be written\n";
  return text + fmt::format("  evidence {} events, {}: {}\n", o.evidence_size,
                            o.evidence_complete ? "complete" : "incomplete", base::Escape(o.evidence_dir, 500));
}

}  // namespace cli
