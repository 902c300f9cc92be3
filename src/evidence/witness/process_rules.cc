// SPDX-License-Identifier: Apache-2.0
// Claims about processes against what kernel and init told the host.
#include <fmt/format.h>

#include "evidence/witness/rules.h"

namespace evidence {
namespace {

using event::Observer;
using event::Verdict;

// Processes of a watched cell that are not the workload's, and that no agent claims: the agent and the reaper, each of
// which is started once and executes once.
constexpr std::uint64_t kOwn = 2;

std::uint64_t Less(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }

// Both kinds of claim about processes were to be made.
bool Asked(const ChannelFacts& channel, Claim claim) {
  return channel.Opened(Observer::kAgent) && (channel.Declared(claim) || channel.Claimed(claim));
}

bool BothComplete(const Facts& facts, Claim claim) {
  return facts.process.census->lossless() && facts.channel.Declared(claim) && facts.channel.AgentHeardOut();
}

Cites BothSides(const Facts& facts, const Tally& claims) {
  Cites cites;
  Cite(cites, facts.channel.Opened(Observer::kAgent));
  Cite(cites, claims);
  Cite(cites, facts.process.census->leaf);
  return cites;
}

std::string Losses(const Facts& facts) {
  std::string out;
  if (!facts.process.census->lossless()) {
    out += fmt::format("; the kernel dropped {} events of the machine's stream", facts.process.census->lost);
  }
  if (!facts.channel.AgentHeardOut()) out += "; the agent was not heard to its end";
  return out;
}

// Claimed and counted, one for one or not at all.
void JudgeEqual(const Facts& facts, Bench& bench, Claim claim, std::uint64_t claimed, std::uint64_t counted,
                const Tally& claims, std::string_view what) {
  const std::string text = fmt::format("{} {} claimed, {} counted by the kernel (the cell's own left out)", claimed, what,
                                       counted);
  if (claimed == counted) return bench.Say(Verdict::kAgree, BothSides(facts, claims), text);
  const std::uint64_t by = Less(claimed, counted) + Less(counted, claimed);
  bench.Say(BothComplete(facts, claim) ? Verdict::kContradiction : Verdict::kGap, BothSides(facts, claims),
            fmt::format("{}: {} {}{}", text, by, claimed > counted ? "too many" : "not claimed", Losses(facts)));
}

}  // namespace

void JudgeStarts(const Facts& facts, Bench& bench) {
  const auto& census = facts.process.census;
  if (!Asked(facts.channel, Claim::kSpawned) || !census || !census->counted) return;
  JudgeEqual(facts, bench, Claim::kSpawned, facts.process.lives, Less(census->processes, kOwn), facts.process.spawned,
             "processes");
}

void JudgeEnds(const Facts& facts, Bench& bench) {
  const auto& census = facts.process.census;
  if (!Asked(facts.channel, Claim::kExited) || !census || !census->counted) return;
  // The agent and the reaper end with the cell, before the last reading or after it.
  const std::uint64_t own = kOwn - std::min(kOwn, Less(census->processes, census->exits));
  JudgeEqual(facts, bench, Claim::kExited, facts.process.exited.count, Less(census->exits, own), facts.process.exited,
             "ends of processes");
}

// A life is claimed once whether it executes or not, so that claims bound execs from both sides.
void JudgeExecs(const Facts& facts, Bench& bench) {
  const auto& census = facts.process.census;
  if (!Asked(facts.channel, Claim::kSpawned) || !census || !census->counted) return;
  const std::uint64_t counted = Less(census->execs, kOwn), least = facts.process.further_execs;
  const std::uint64_t most = AddUp(least, facts.process.lives);
  const bool holds = least <= counted && counted <= most;
  const std::string text = fmt::format("between {} and {} execs claimed, {} counted by the kernel", least, most, counted);
  bench.Say(holds ? Verdict::kAgree : BothComplete(facts, Claim::kSpawned) ? Verdict::kContradiction : Verdict::kGap,
            BothSides(facts, facts.process.spawned), holds ? text : text + Losses(facts));
}

void JudgePairs(const Facts& facts, Bench& bench) {
  const ChannelFacts& channel = facts.channel;
  const ProcessFacts& process = facts.process;
  if (!channel.completed || !Asked(channel, Claim::kSpawned) || !Asked(channel, Claim::kExited)) return;
  Cites cites;
  Cite(cites, channel.completed);
  if (process.exits_without_spawn) {
    Cite(cites, process.exits_without_spawn);
    bench.Say(Verdict::kGap, cites, fmt::format("{} ends of processes claimed whose start was not", process.exits_without_spawn.count));
    return;
  }
  if (process.alive() > 0 || process.unfollowed > 0) {
    Cite(cites, process.oldest_alive());
    return bench.Say(Verdict::kGap, cites,
                     fmt::format("{} processes claimed to have started and not to have ended; the cell has ended them",
                                 process.alive() + process.unfollowed));
  }
  if (!process.spawned) return;
  Cite(cites, process.spawned);
  Cite(cites, process.exited);
  bench.Say(Verdict::kAgree, cites, fmt::format("each of {} claimed processes ended before the cell did", process.lives));
}

// The register of exit_group says what one thread asked for; another may have been faster. Init's word is what counts.
void JudgeLeader(const Facts& facts, Bench& bench) {
  const ProcessFacts& process = facts.process;
  if (!process.leader_status_leaf || !process.completed || process.completed_status.kind.empty()) return;
  const EndStatus &said = process.leader_status, &reaped = process.completed_status;
  const bool equal = said.kind == reaped.kind && said.status == reaped.status;
  Cites cites{*process.leader_status_leaf, *process.completed};
  Cite(cites, process.leader_spawned);
  bench.Say(equal ? Verdict::kAgree : Verdict::kGap, cites,
            fmt::format("the first process: {} {} claimed, {} {} reaped by init", said.kind, said.status, reaped.kind,
                        reaped.status));
}

void JudgeUsage(const Facts& facts, Bench& bench) {
  const ProcessFacts& process = facts.process;
  if (!Asked(facts.channel, Claim::kSpawned) || !process.executed) return;
  Cites cites{*process.executed};
  Cite(cites, facts.channel.Opened(Observer::kAgent));
  Cite(cites, process.spawned);
  std::string used = "init saw it execute";
  if (process.last_usage && process.last_usage->leaf != process.first_usage->leaf) {
    cites.push_back(process.first_usage->leaf);
    cites.push_back(process.last_usage->leaf);
    used += fmt::format(", and the cgroup used {} us of processor time",
                        Less(process.last_usage->cpu_usec, process.first_usage->cpu_usec));
  }
  if (process.lives > 0) {
    return bench.Say(Verdict::kAgree, cites, fmt::format("{} processes claimed of a workload that ran: {}", process.lives, used));
  }
  const bool complete = facts.channel.Declared(Claim::kSpawned) && facts.channel.AgentHeardOut();
  bench.Say(complete ? Verdict::kContradiction : Verdict::kGap, cites,
            fmt::format("no process claimed of a workload that ran: {}", used));
}

}  // namespace evidence
