// SPDX-License-Identifier: Apache-2.0
// The rebinding policy over rounds of answers.
#include "gate/dns/rebinding.h"

#include <gmock/gmock.h>

namespace gate::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<RebindTarget> Targets(std::initializer_list<const char*> addresses) {
  std::vector<RebindTarget> targets;
  for (const char* address : addresses) targets.push_back({address, true});
  return targets;
}

TEST(Rebinding, ThresholdIsToldOnceNovelAddressesPassTheCap) {
  RebindHistory history({.cap = 2, .reject = false});
  EXPECT_FALSE(history.Judge("h", Targets({"10.0.0.1", "10.0.0.2"})).threshold_exceeded);
  const RebindRound third = history.Judge("h", Targets({"10.0.0.1", "10.0.0.3"}));
  EXPECT_TRUE(third.threshold_exceeded);
  EXPECT_THAT(third.novel, ElementsAre("10.0.0.3"));
  EXPECT_EQ(third.previous, 2u);
  EXPECT_EQ(third.cumulative, 3u);
  EXPECT_THAT(third.effective, ElementsAre("10.0.0.1", "10.0.0.3")) << "an observing policy keeps all";
  EXPECT_FALSE(history.Judge("h", Targets({"10.0.0.3"})).threshold_exceeded) << "accepted once, never novel again";
}

TEST(Rebinding, RejectingPolicyNeverLearnsTheAttackersAddress) {
  RebindHistory history({.cap = 3, .reject = true});
  history.Judge("h", Targets({"192.0.2.1", "192.0.2.2", "192.0.2.3"}));
  for (int tick = 0; tick < 3; ++tick) {
    const RebindRound round = history.Judge("h", Targets({"192.0.2.1", "203.0.113.66"}));
    EXPECT_TRUE(round.threshold_exceeded);
    EXPECT_THAT(round.novel, ElementsAre("203.0.113.66"));
    EXPECT_THAT(round.effective, ElementsAre("192.0.2.1"));
    EXPECT_EQ(round.previous, 3u);
  }
}

TEST(Rebinding, OfTheNovelOnesOnlyTheFirstUpToTheCapAreKept) {
  RebindHistory history({.cap = 2, .reject = true});
  EXPECT_THAT(history.Judge("h", Targets({"5", "4", "3"})).effective, ElementsAre("5", "4"));
  EXPECT_THAT(history.Judge("h", Targets({"3", "4", "5"})).effective, ElementsAre("4", "5"));
}

TEST(Rebinding, AddressesThatNoEntryCoversAreTold) {
  const std::vector<RebindTarget> targets = {{"10.0.0.1", true}, {"10.0.0.2", false}};
  RebindHistory observing({.cap = 4, .reject = false});
  EXPECT_THAT(observing.Judge("h", targets).outside_allowlist, ElementsAre("10.0.0.2"));
  EXPECT_THAT(observing.Judge("h", targets).effective, ElementsAre("10.0.0.1", "10.0.0.2"));
  RebindHistory rejecting({.cap = 4, .reject = true});
  EXPECT_THAT(rejecting.Judge("h", targets).effective, ElementsAre("10.0.0.1"));
  EXPECT_THAT(rejecting.Judge("h", targets).novel, ElementsAre("10.0.0.2")) << "refused, so it stays novel";
}

TEST(Rebinding, RepetitionsCountOnceAndStay) {
  RebindHistory history({.cap = 1, .reject = true});
  const RebindRound round = history.Judge("h", Targets({"10.0.0.1", "10.0.0.1", "10.0.0.1"}));
  EXPECT_THAT(round.effective, ElementsAre("10.0.0.1", "10.0.0.1", "10.0.0.1"));
  EXPECT_THAT(round.novel, ElementsAre("10.0.0.1"));
  EXPECT_FALSE(round.threshold_exceeded);
}

TEST(Rebinding, CapOfZeroRefusesEverything) {
  RebindHistory history({.cap = 0, .reject = true});
  for (int round = 0; round < 2; ++round) {
    const RebindRound result = history.Judge("h", Targets({"10.0.0.1"}));
    EXPECT_THAT(result.effective, IsEmpty());
    EXPECT_TRUE(result.threshold_exceeded);
  }
}

TEST(Rebinding, FullHistoryKeepsNothingOfNewHostsWhenRejecting) {
  RebindHistory history({.cap = 4, .reject = true}, 1);
  EXPECT_THAT(history.Judge("a", Targets({"192.0.2.1"})).effective, ElementsAre("192.0.2.1"));
  EXPECT_THAT(history.Judge("b", Targets({"192.0.2.1"})).effective, IsEmpty());
  EXPECT_THAT(history.Judge("a", Targets({"192.0.2.1"})).effective, ElementsAre("192.0.2.1"));
}

}  // namespace
}  // namespace gate::dns
