// SPDX-License-Identifier: Apache-2.0
// The time line of a run.
#include "evidence/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>

#include "base/encoding.h"
#include "event/run_log.h"
#include "event/types.h"
#include "evidence/show_network.h"
#include "evidence/verify/jcs_scan.h"
#include "evidence/verify/line_reader.h"
#include "evidence/verify/run_files.h"

namespace evidence {
namespace {

constexpr std::string_view kTypePrefix = "dev.cellos.events.cell.";
constexpr std::size_t kMaxValue = 80;
constexpr std::size_t kMaxLine = 240;
constexpr std::uint64_t kMaxFindings = 200;
constexpr std::size_t kMaxCites = 80;

// Members of data that every event repeats, or that are of no use in one line.
constexpr std::array<std::string_view, 22> kLeftOut = {
    "cellId",           "certificate", "correlation", "cites",          "coverage",      "covers",   "decisionId",
    "deploymentKeys",   "frameSha256", "host",        "hostReceivedAt", "issuerKid",     "keysetId", "observedAt",
    "policyDigest",     "provenance",  "queryId",     "runId",          "schemaVersion", "sources",  "specId",
    "specSignatureHash"};

// "name=value" of the scalars of data; lists and objects are told by their size only.
std::string Summary(const JcsScanner& leaf) {
  std::string out;
  for (const JsonMember& member : leaf.data()) {
    if (std::ranges::find(kLeftOut, member.name) != kLeftOut.end()) continue;
    std::string value;
    if (const auto text = StringOf(member.value)) {
      value = *text;
    } else if (IsArray(member.value) || IsObject(member.value)) {
      value =
          member.value.size() <= kMaxValue ? std::string(member.value) : fmt::format("({} bytes)", member.value.size());
    } else {
      value = member.value;
    }
    out += fmt::format(" {}={}", base::Escape(member.name, 40), base::Escape(value, kMaxValue));
    if (out.size() > kMaxLine) return out.substr(0, out.find_last_of(' ')) + " …";
  }
  return out;
}

std::string LineOf(std::uint64_t index, const Line& line, JcsScanner& leaf, bool proven) {
  const std::string_view mark = proven ? "" : "  UNPROVEN";
  if (line.too_long || !line.ended || !leaf.Scan(line.text)) {
    return fmt::format("  {:>6}  (no event: {} bytes){}\n", index, line.bytes, mark);
  }
  const auto text = [&](std::string_view name) { return PlainStringOf(leaf.Find(name)).value_or("?"); };
  std::string_view type = text("type");
  if (type.starts_with(kTypePrefix)) type.remove_prefix(kTypePrefix.size());
  const std::string_view time = text("time");
  const std::string_view claimed = text("lane") == "witnessed" ? ""
                                   : text("lane") == "claimed" ? " claims"
                                                               : " derives";
  return fmt::format("  {:>6}  {}  {}{}  {}{}{}\n", index,
                     base::Escape(time.size() == 24 ? time.substr(11, 12) : time, 30),
                     base::Escape(text("observer"), 20), claimed, base::Escape(type, 80), Summary(leaf), mark);
}

// "contradiction  rule: text (leaves 3, 17)"; empty for a leaf that is no finding.
std::string FindingOf(const JcsScanner& leaf) {
  if (PlainStringOf(leaf.Find("type")) != event::kFinding) return {};
  const auto text = [&](std::string_view name, std::size_t most) {
    return base::Escape(StringOf(leaf.FindData(name)).value_or("?"), most);
  };
  std::string_view cites = leaf.FindData("cites");
  if (IsArray(cites)) cites = cites.substr(1, cites.size() - 2);
  return fmt::format("  {:<13}  {}: {} (leaves {})", text("verdict", 20), text("rule", 60), text("text", 400),
                     base::Escape(cites, kMaxCites));
}

// Decisions about the network by target, and what the witnesses of the run say of each other, as the log has them;
// nothing is judged anew here.
base::Result<> ShowSections(const FileView& events, std::uint64_t proven,
                            const std::function<void(std::string_view)>& write) {
  LineReader lines(events, event::kMaxLeafBytes);
  JcsScanner leaf;
  NetworkSummary network;
  std::string findings;
  std::uint64_t found = 0;
  for (std::uint64_t index = 0;; ++index) {
    const auto line = TRY(lines.Next());
    if (!line) break;
    if (line->too_long || !line->ended || !leaf.Scan(line->text)) continue;
    network.Take(leaf, index < proven);
    const std::string text = FindingOf(leaf);
    if (text.empty() || ++found > kMaxFindings) continue;
    findings += text + (index < proven ? "\n" : "  UNPROVEN\n");
  }
  write(network.ToText());
  if (found > 0) write("findings:\n" + findings);
  if (found > kMaxFindings) write(fmt::format("  … {} findings are not listed\n", found - kMaxFindings));
  return {};
}

}  // namespace

base::Result<> ShowRun(const std::string& path, const Report& report, const ShowOptions& options,
                       const std::function<void(std::string_view)>& write) {
  write(report.ToText());
  const RunFiles files = TRY(RunFiles::Open(path));
  const auto events = TRY(files.Find("events.jsonl"));
  if (!events) return base::Fail(base::ErrorKind::kNotFound, "the run has no events.jsonl");
  const std::uint64_t proven =
      report.verdict == Verdict::kInvalid || report.verdict == Verdict::kUsage ? 0 : report.proven;
  TRY(ShowSections(*events, proven, write));
  write("events:\n");
  LineReader lines(*events, event::kMaxLeafBytes);
  JcsScanner leaf;
  std::deque<std::string> last;
  std::uint64_t index = 0, left_out = 0;
  while (const auto line = TRY(lines.Next())) {
    std::string text = LineOf(index, *line, leaf, index < proven);
    const bool among_first = index++ < options.max_events / 2;
    if (among_first) {
      write(text);
      continue;
    }
    last.push_back(std::move(text));
    if (last.size() <= options.max_events - options.max_events / 2) continue;
    last.pop_front();
    ++left_out;
  }
  if (left_out > 0) write(fmt::format("          … {} events are not listed\n", left_out));
  for (const std::string& text : last) write(text);
  return {};
}

}  // namespace evidence
