// SPDX-License-Identifier: Apache-2.0
// The channel to the agent, holes, clocks and the order of a run.
#include <fmt/format.h>

#include "evidence/witness/rules.h"

namespace evidence {

using event::Observer;
using event::Verdict;

namespace {

std::string Span(std::int64_t ms) { return fmt::format("{}{}.{:03} s", ms < 0 ? "-" : "+", std::abs(ms) / 1000, std::abs(ms) % 1000); }

void SaySteps(Bench& bench, const ClockPair& clocks, std::string_view what, const std::optional<event::LeafIndex>& side) {
  for (const ClockStep& step : clocks.steps()) {
    Cites cites{step.before, step.after};
    Cite(cites, side);
    bench.Say(Verdict::kGap, std::move(cites), fmt::format("{} moved by {} between these two", what, Span(step.by_ms)));
  }
  if (clocks.step_count() <= clocks.steps().size()) return;
  Cites cites;
  Cite(cites, clocks.readings());
  bench.Say(Verdict::kGap, std::move(cites),
            fmt::format("{} moved {} times more", what, clocks.step_count() - clocks.steps().size()));
}

}  // namespace

void JudgeSilence(const Facts& facts, Bench& bench) {
  const ChannelFacts& channel = facts.channel;
  const auto opened = channel.Opened(Observer::kAgent);
  if (!opened) return;
  Cites cites{*opened};
  Cite(cites, channel.all_claims);
  if (channel.silences) {
    Cite(cites, channel.silences);
    Cite(cites, channel.returns);
    return bench.Say(Verdict::kGap, cites,
                     fmt::format("the agent was silent for {} ms{}", channel.longest_silence_ms,
                                 channel.returns ? " and came back" : " and did not come back"));
  }
  if (!channel.completed) return;
  Cite(cites, channel.completed);
  bench.Say(Verdict::kAgree, cites, fmt::format("{} claims, and the agent was never silent", channel.all_claims.count));
}

void JudgeDrops(const Facts& facts, Bench& bench) {
  const ChannelFacts& channel = facts.channel;
  if (!channel.drops) return;
  const ChannelFacts::Drops& drops = *channel.drops;
  Cites cites{drops.leaf};
  Cite(cites, channel.Opened(Observer::kAgent));
  Cite(cites, channel.all_claims);
  const std::string sums =
      fmt::format("{} frames read: {} accepted, {} heartbeats, {} over the rate, {} refused", drops.read, drops.accepted,
                  drops.heartbeats, drops.over_rate, drops.refused);
  if (!drops.closes()) return bench.Say(Verdict::kContradiction, cites, sums + ": the sum does not close");
  if (drops.claims > drops.accepted) {
    return bench.Say(Verdict::kContradiction, cites, fmt::format("{}; {} claims in the log", sums, drops.claims));
  }
  if (drops.lost() > 0) {
    return bench.Say(Verdict::kGap, cites,
                     fmt::format("{} claims lost: {} dropped by the agent; {}", drops.lost(), drops.by_agent, sums));
  }
  bench.Say(drops.claims == drops.accepted ? Verdict::kAgree : Verdict::kGap, cites,
            fmt::format("{}; {} claims in the log", sums, drops.claims));
}

void JudgeUndeclared(const Facts& facts, Bench& bench) {
  const ChannelFacts& channel = facts.channel;
  if (!channel.undeclared) return;
  Cites cites;
  Cite(cites, channel.Opened(Observer::kAgent));
  Cite(cites, channel.undeclared);
  bench.Say(Verdict::kContradiction, cites,
            fmt::format("{} claims of a source that the document does not authorise", channel.undeclared.count));
}

void JudgeDenials(const Facts& facts, Bench& bench) {
  const Tally& denied = facts.channel.Claimed(Claim::kDenied);
  if (!denied || !facts.channel.controls) return;
  Cites cites{*facts.channel.controls};
  Cite(cites, denied);
  bench.Say(Verdict::kAgree, cites,
            fmt::format("{} refused calls claimed, by the filter that was read back; it refuses them whoever counts", denied.count));
}

void JudgeHoles(const Facts& facts, Bench& bench) {
  const ChannelFacts& channel = facts.channel;
  if (channel.gate_failures) {
    Cites cites;
    Cite(cites, channel.gate_failures);
    for (const Observer observer : {Observer::kGateDns, Observer::kGateFlow, Observer::kGateL7, Observer::kGateRecord}) {
      Cite(cites, channel.Opened(observer));
    }
    bench.Say(Verdict::kGap, cites, "the gate failed: nothing can be said of names and flows after its last word");
  }
  if (channel.failed_readings) {
    Cites cites;
    Cite(cites, channel.failed_readings);
    if (const auto observer = event::ObserverOf(channel.failed_reading)) Cite(cites, channel.Opened(*observer));
    bench.Say(Verdict::kGap, cites,
              fmt::format("{} readings failed or are partial, the first of {}", channel.failed_readings.count,
                          channel.failed_reading));
  }
  for (int i = 0; i < event::kObserverCount; ++i) {
    const auto observer = static_cast<Observer>(i);
    const auto opened = channel.Opened(observer);
    if (!channel.Lossy(observer) || !opened) continue;
    Cites cites{*opened};
    Cite(cites, channel.completed);
    bench.Say(Verdict::kGap, cites,
              fmt::format("{} lost something or did not see all: nothing is said of what is missing (its coverage_closed "
                          "has the figures)",
                          event::ToString(observer)));
  }
  if (channel.end_reason == "init_crashed" && channel.completed) {
    Cites cites{*channel.completed};
    Cite(cites, channel.Opened(Observer::kInit));
    bench.Say(Verdict::kGap, cites, "init ended without a report: how the workload ended is not known");
  }
}

void JudgeWallClock(const Facts& facts, Bench& bench) {
  SaySteps(bench, facts.channel.wall, "the wall clock", facts.channel.started);
}

void JudgeGuestClock(const Facts& facts, Bench& bench) {
  const ChannelFacts& channel = facts.channel;
  if (!channel.guest.readings()) return;
  const auto opened = channel.Opened(Observer::kAgent);
  SaySteps(bench, channel.guest, "the distance between a claim's clock and its receipt", opened);
  if (channel.guest.step_count() > 0 || !opened) return;
  Cites cites{*opened};
  Cite(cites, channel.guest.readings());
  bench.Say(Verdict::kAgree, cites,
            fmt::format("the clock of {} claims keeps its distance to the host's", channel.guest.readings().count));
}

void JudgeOrder(const Facts& facts, Bench& bench) {
  const ChannelFacts& channel = facts.channel;
  if (!channel.after_destroyed || !channel.destroyed) return;
  Cites cites{*channel.destroyed};
  Cite(cites, channel.after_destroyed);
  bench.Say(Verdict::kContradiction, cites,
            fmt::format("{} events of observers of the living cell behind its end, the first of {}", channel.after_destroyed.count,
                        channel.after_destroyed_observer));
}

}  // namespace evidence
