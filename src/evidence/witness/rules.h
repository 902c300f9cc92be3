// SPDX-License-Identifier: Apache-2.0
// The rules of the cross-witness: one row each, with the two sides that it holds against each other.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event/evidence_events.h"
#include "evidence/witness/channel_facts.h"
#include "evidence/witness/network_facts.h"
#include "evidence/witness/process_facts.h"

namespace evidence {

// What one judgement says. `cites` are leaves of both sides, ascending, none twice, not empty.
struct WitnessFinding {
  event::Verdict verdict{};
  std::string rule;
  Cites cites;
  std::string text;
  bool operator==(const WitnessFinding&) const = default;
};

struct Facts {
  ChannelFacts channel;
  ProcessFacts process;
  NetworkFacts network;
};

// Where a rule puts what it found.
class Bench {
 public:
  Bench(std::string_view rule, std::vector<WitnessFinding>& findings) : rule_(rule), findings_(findings) {}
  // Nothing is said where nothing can be cited.
  void Say(event::Verdict verdict, Cites cites, std::string text);
  // One finding for each that was kept, one for the rest.
  void SayEach(event::Verdict verdict, const Mismatches& mismatches, const Cites& other_side);

 private:
  std::string_view rule_;
  std::vector<WitnessFinding>& findings_;
};

struct Rule {
  std::string_view name;
  std::string_view one_side, other_side;  // for people
  void (*judge)(const Facts& facts, Bench& bench);
};
std::span<const Rule> CrossWitnessRules();
// True for the rule of a finding that CrossWitness makes.
bool IsCrossWitnessRule(std::string_view name);

// The judgements, by what they are about. A side that did not watch, or was not asked to, is the absence of a finding:
// claims alone are no verdict, and absence is stated only where a witnessed observer covered it.
void JudgeStarts(const Facts& facts, Bench& bench);
void JudgeEnds(const Facts& facts, Bench& bench);
void JudgeExecs(const Facts& facts, Bench& bench);
void JudgePairs(const Facts& facts, Bench& bench);
void JudgeLeader(const Facts& facts, Bench& bench);
void JudgeUsage(const Facts& facts, Bench& bench);
void JudgeConnects(const Facts& facts, Bench& bench);
void JudgeUnclaimedFlows(const Facts& facts, Bench& bench);
void JudgeFlowCount(const Facts& facts, Bench& bench);
void JudgeBytes(const Facts& facts, Bench& bench);
void JudgeFlowEnds(const Facts& facts, Bench& bench);
void JudgeNames(const Facts& facts, Bench& bench);
void JudgeRefusals(const Facts& facts, Bench& bench);
void JudgeQuestions(const Facts& facts, Bench& bench);
void JudgeSilence(const Facts& facts, Bench& bench);
void JudgeDrops(const Facts& facts, Bench& bench);
void JudgeUndeclared(const Facts& facts, Bench& bench);
void JudgeDenials(const Facts& facts, Bench& bench);
void JudgeHoles(const Facts& facts, Bench& bench);
void JudgeWallClock(const Facts& facts, Bench& bench);
void JudgeGuestClock(const Facts& facts, Bench& bench);
void JudgeOrder(const Facts& facts, Bench& bench);

}  // namespace evidence
