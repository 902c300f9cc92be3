// SPDX-License-Identifier: Apache-2.0
// Findings made again and compared.
#include "evidence/witness/findings_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "event/types.h"

namespace evidence {
namespace {

constexpr std::size_t kMaxTold = 4096;
constexpr std::size_t kMaxText = 2048;

std::string OneText(std::string_view verdict, std::string_view rule, std::string_view cites, std::string_view text) {
  return fmt::format("{} {} [{}] {}", verdict, rule, cites, text);
}

std::string OneText(const WitnessFinding& finding) {
  return OneText(event::ToString(finding.verdict), finding.rule, fmt::format("{}", fmt::join(finding.cites, ",")), finding.text);
}

}  // namespace

void FindingsCheck::Take(std::uint64_t index, const LeafFacts& facts, const JcsScanner& leaf) {
  witness_.Add(index, leaf);
  destroyed_ |= facts.type == event::kDestroyed;
  if (facts.type != event::kFinding) return;
  const auto rule = PlainStringOf(leaf.FindData("rule")).value_or(std::string_view());
  if (!IsCrossWitnessRule(rule)) return;
  const std::string_view cites = leaf.FindData("cites");
  const auto text = StringOf(leaf.FindData("text"));
  if (told_.size() >= kMaxTold || cites.size() > kMaxText || !text || text->size() > kMaxText) {
    overflow_ = true;
    return;
  }
  told_.insert(OneText(PlainStringOf(leaf.FindData("verdict")).value_or(std::string_view()), rule,
                       cites.substr(1, cites.size() - 2), *text));
}

Check FindingsCheck::Conclude() && {
  Check check{.name = "witness", .result = Check::Result::kNotChecked, .detail = "the run did not come to its findings"};
  if (!destroyed_) return check;
  const std::vector<WitnessFinding> findings = std::move(witness_).Conclude();
  const bool contradicts = std::ranges::any_of(
      findings, [](const WitnessFinding& each) { return each.verdict == event::Verdict::kContradiction; });
  if (told_.empty() && !overflow_ && !findings.empty() && !contradicts) {
    check.detail = "the log has no findings of the cross-witness";
    return check;
  }
  const auto missing = std::ranges::find_if(findings, [&](const auto& each) { return !told_.contains(OneText(each)); });
  if (missing != findings.end()) {
    check.result = Check::Result::kWarning;
    check.detail = "the leaves give a finding that the log does not have: " + base::Escape(OneText(*missing));
    return check;
  }
  for (const WitnessFinding& each : findings) told_.erase(OneText(each));
  if (!told_.empty() || overflow_) {
    check.result = Check::Result::kWarning;
    check.detail = "the log has a finding that its leaves do not give" + (told_.empty() ? "" : ": " + base::Escape(*told_.begin()));
    return check;
  }
  check.result = Check::Result::kPassed;
  check.detail = fmt::format("the leaves give exactly the {} findings of the cross-witness that the log has", findings.size());
  return check;
}

}  // namespace evidence
