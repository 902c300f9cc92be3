// SPDX-License-Identifier: Apache-2.0
// The table of rules.
#include "evidence/witness/rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace evidence {
namespace {

constexpr Rule kRules[] = {
    {"process.starts", "claimed starts", "starts that the kernel told the host", JudgeStarts},
    {"process.ends", "claimed ends", "ends that the kernel told the host", JudgeEnds},
    {"process.execs", "claimed further execs", "execs that the kernel told the host", JudgeExecs},
    {"process.pairs", "claimed starts and ends", "the end of the cell", JudgePairs},
    {"process.leader", "claimed end of the first process", "the status that init reaped", JudgeLeader},
    {"process.usage", "claimed starts", "processor time of the cgroup, init's word of the exec", JudgeUsage},
    {"net.connect_without_flow", "claimed connects", "flows, DNS sockets and refused packets", JudgeConnects},
    {"net.flow_without_connect", "claimed connects", "TCP flows that the gate decided", JudgeUnclaimedFlows},
    {"net.flows", "flows that the gate decided", "first packets that the kernel counted", JudgeFlowCount},
    {"net.bytes", "bytes of ended flows", "bytes that the kernel counted", JudgeBytes},
    {"net.flow_ends", "flows that ended", "flows that were let through", JudgeFlowEnds},
    {"net.names", "flows under names", "answers that opened their addresses", JudgeNames},
    {"net.questions", "questions that the gate answered", "DNS sockets that the kernel counted", JudgeQuestions},
    {"net.refusals", "refused packets that the kernel told", "its counters of what it told", JudgeRefusals},
    {"agent.silence", "claims", "the watch over the agent", JudgeSilence},
    {"agent.drops", "claims in the log", "the receiver's sums", JudgeDrops},
    {"agent.undeclared", "claims", "the sources that the document authorises", JudgeUndeclared},
    {"agent.denials", "claimed denials", "the filter read back from the kernel", JudgeDenials},
    {"host.holes", "a witness that failed", "what it was to cover", JudgeHoles},
    {"clock.wall", "the wall clock", "the clock since boot", JudgeWallClock},
    {"clock.guest", "the clock in claims", "the moment of their receipt", JudgeGuestClock},
    {"log.after_destroyed", "an observer of the living cell", "its end", JudgeOrder},
};

constexpr std::size_t kMaxCites = 16;

}  // namespace

std::span<const Rule> CrossWitnessRules() { return kRules; }

bool IsCrossWitnessRule(std::string_view name) { return std::ranges::find(kRules, name, &Rule::name) != std::end(kRules); }

void Bench::Say(event::Verdict verdict, Cites cites, std::string text) {
  std::ranges::sort(cites);
  const auto twice = std::ranges::unique(cites);
  cites.erase(twice.begin(), twice.end());
  if (cites.empty()) return;
  if (cites.size() > kMaxCites) cites.resize(kMaxCites);
  findings_.push_back({verdict, std::string(rule_), std::move(cites), std::move(text)});
}

void Bench::SayEach(event::Verdict verdict, const Mismatches& mismatches, const Cites& other_side) {
  for (const Mismatch& each : mismatches.kept) {
    Cites cites = each.cites;
    cites.insert(cites.end(), other_side.begin(), other_side.end());
    Say(verdict, std::move(cites), each.text);
  }
  if (mismatches.count <= mismatches.kept.size()) return;
  Cites cites = mismatches.kept.back().cites;
  cites.insert(cites.end(), other_side.begin(), other_side.end());
  Say(verdict, std::move(cites), fmt::format("{} more of this kind", mismatches.count - mismatches.kept.size()));
}

}  // namespace evidence
