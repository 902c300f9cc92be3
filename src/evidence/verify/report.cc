// SPDX-License-Identifier: Apache-2.0
// Reports as text and as JSON.
#include "evidence/verify/report.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "event/json_object.h"

namespace evidence {
namespace {

constexpr std::size_t kMaxShown = 4096;

std::string Shown(std::string_view text) { return base::Escape(text, kMaxShown); }

std::string Headline(const Report& report) {
  switch (report.verdict) {
    case Verdict::kUsage:
      return fmt::format("nothing was verified: {}", Shown(report.fault));
    case Verdict::kInvalid:
      return fmt::format("INVALID: {}", Shown(report.fault));
    case Verdict::kUnanchored:
      return report.keys_given
                 ? fmt::format("UNANCHORED: consistent in itself, but none of the keys given signed it. It names: {}",
                               report.deployment_key_ids)
                 : fmt::format(
                       "UNANCHORED: no key was given, so nothing says who made this evidence. Give --key; it names: {}",
                       report.deployment_key_ids);
    case Verdict::kContradiction:
      return fmt::format("CONTRADICTION: the evidence holds, and its witnesses disagree in {} {}", report.contradiction,
                         report.contradiction == 1 ? "finding" : "findings");
    case Verdict::kIncomplete:
      return "verified, INCOMPLETE: what is there holds, but not everything is there";
    case Verdict::kVerified:
      return report.proof ? fmt::format("verified: leaf {} of {}, and nothing else", report.leaf, report.proven)
                          : std::string("verified: everything holds and the run is complete");
  }
  return {};
}

// "  name        text" for what is known.
void Row(std::string& out, std::string_view name, std::string_view text) {
  if (!text.empty()) out += fmt::format("  {:<13} {}\n", name, Shown(text));
}

std::string Outcome(const Report& report) {
  if (report.reason_code.empty()) return {};
  std::string text = report.reason_code;
  if (report.exit_code != "null") text += ", exit " + report.exit_code;
  if (report.signal != "null") text += ", signal " + report.signal;
  return text;
}

void Facts(std::string& out, const Report& report) {
  const bool trusted = report.verdict != Verdict::kInvalid;
  if (!report.run_id.empty() && !trusted) out += "  (what follows was read before the fault and is not verified)\n";
  Row(out, "run", report.run_id);
  Row(out, "cell", report.cell_id);
  Row(out, "deployment", report.deployment);
  Row(out, "anchored by", report.anchored_by);
  if (report.proven > 0 && !report.proof) {
    Row(out, "proven", fmt::format("{} events, root {}", report.proven, report.root));
    Row(out, "time",
        report.from.empty() ? "" : fmt::format("{} to {} by the machine's own clock", report.from, report.to));
  }
  Row(out, "outcome", Outcome(report));
  Row(out, "backend", report.backend);
  if (trusted && !report.proof && report.verdict != Verdict::kUsage) {
    Row(out, "findings",
        fmt::format("{} agree, {} gap, {} contradiction", report.agree, report.gap, report.contradiction));
    for (const std::uint64_t leaf : report.contradictions) Row(out, "", fmt::format("contradiction at leaf {}", leaf));
  }
  for (const std::string& loss : report.losses) Row(out, "incomplete", loss);
}

std::string ChecksJson(const std::vector<Check>& checks) {
  std::vector<std::string> rows;
  for (const Check& check : checks) {
    event::Object row;
    row.Add("detail", Shown(check.detail)).Add("name", check.name).Add("result", ToString(check.result));
    rows.push_back(row.Take());
  }
  return event::ArrayOfRaw(rows);
}

std::optional<std::string> Given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(Shown(text));
}

}  // namespace

std::string_view ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kUsage:
      return "";
    case Verdict::kInvalid:
      return "invalid";
    case Verdict::kUnanchored:
      return "unanchored";
    case Verdict::kContradiction:
      return "contradiction";
    case Verdict::kIncomplete:
      return "verified, incomplete";
    case Verdict::kVerified:
      return "verified";
  }
  return "";
}

int ExitStatus(Verdict verdict) {
  switch (verdict) {
    case Verdict::kUsage:
      return 2;
    case Verdict::kInvalid:
      return 1;
    case Verdict::kUnanchored:
      return 5;
    case Verdict::kContradiction:
      return 4;
    case Verdict::kIncomplete:
      return 3;
    case Verdict::kVerified:
      return 0;
  }
  return 2;
}

std::string_view ToString(Check::Result result) {
  switch (result) {
    case Check::Result::kPassed:
      return "passed";
    case Check::Result::kFailed:
      return "failed";
    case Check::Result::kWarning:
      return "warning";
    case Check::Result::kNotChecked:
      return "not checked";
  }
  return "";
}

std::string Report::ToText() const {
  std::string out = Headline(*this) + "\n";
  Facts(out, *this);
  for (const Check& check : checks)
    out += fmt::format("  {:<11}  {}: {}\n", ToString(check.result), check.name, Shown(check.detail));
  return out;
}

std::string Report::ToJson() const {
  std::vector<std::string> leaves, lost;
  for (const std::uint64_t index : contradictions) leaves.push_back(std::to_string(index));
  for (const std::string& loss : losses) lost.push_back(Shown(loss));
  event::Object object;
  object.AddOrNull("anchoredBy", Given(anchored_by));
  object.Add("backend", Given(backend)).Add("cellId", Given(cell_id));
  object.Raw("checks", ChecksJson(checks));
  object.Add("deployment", Given(deployment)).Add("exit", ExitStatus(verdict)).Add("fault", Given(fault));
  event::Object findings;
  findings.Add("agree", agree)
      .Add("contradiction", contradiction)
      .Raw("contradictions", event::ArrayOfRaw(leaves))
      .Add("gap", gap);
  object.Raw("findings", findings.Take());
  object.Raw("incomplete", event::ArrayOf(lost));
  object.Add("input", Shown(input));
  if (proof) object.Add("leaf", leaf);
  if (!reason_code.empty()) {
    event::Object outcome;
    outcome.Raw("exitCode", exit_code).Add("reasonCode", reason_code).Raw("signal", signal);
    object.Raw("outcome", outcome.Take());
  }
  event::Object proven_part;
  proven_part.Add("from", Given(from)).Add("root", Given(root)).Add("size", proven).Add("to", Given(to));
  object.Raw("proven", proven_part.Take());
  object.Add("runId", Given(run_id)).Add("sealed", sealed);
  object.AddOrNull("verdict",
                   verdict == Verdict::kUsage ? std::nullopt : std::optional(std::string(ToString(verdict))));
  return object.Take();
}

}  // namespace evidence
