// SPDX-License-Identifier: Apache-2.0
// Names that the gate looks up itself (dns.md §6).
#include "gate/dns/refresh.h"

#include <gmock/gmock.h>

#include "gate/dns/proxy_fixture.h"

namespace gate::dns::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using wire::GateRecordKind;
using namespace std::chrono_literals;

class RefreshTest : public ProxyTest {
 protected:
  RefreshTest() {
    config.names.clear();
    config.Ask("b.example").Ask("*.wild.example").Ask("a.example");
    config.header.refresh.min_ttl_s = 60;
    config.header.refresh.max_stale_s = 600;
    config.header.refresh.interval_s = 10;
  }
  // "b.example: 2001:db8::1 192.0.2.1" for each kTargetsEnd.
  std::vector<std::string> Sets() {
    std::vector<std::string> sets;
    std::string set;
    for (const wire::GateRecord& record : reporter.records) {
      if (record.kind == GateRecordKind::kTarget) {
        base::IpAddress address;
        std::copy_n(record.address, 16, address.bytes.begin());
        address.v6 = record.v6 != 0;
        set += " " + base::ToString(address);
      } else if (record.kind == GateRecordKind::kTargetsEnd) {
        sets.push_back(std::string(record.name) + ":" + std::exchange(set, ""));
      }
    }
    return sets;
  }
};

TEST_F(RefreshTest, StartLooksUpEveryLiteralNameAndSkipsPatterns) {
  config.header.refresh.at_start = 1;
  Start();
  Pump(100);
  EXPECT_THAT(Sets(), ElementsAre("b.example: 2001:db8::1 192.0.2.1", "a.example: 2001:db8::1 192.0.2.1"));
  const auto ends = reporter.Of(GateRecordKind::kTargetsEnd);
  EXPECT_EQ(ends[0].code, static_cast<std::uint32_t>(wire::TargetPurpose::kRefreshAtStart));
  EXPECT_EQ(ends[0].count, 2u);
  EXPECT_EQ(ends[0].ttl_s, 60u);
  EXPECT_EQ(ends[0].resolver, 0);
  EXPECT_EQ(credits.credits[0].second.name, "b.example");
}

TEST_F(RefreshTest, TicksKeepTheFloorAndForceWhatIsStale) {
  config.header.refresh.continuous = 1;
  Start();
  EXPECT_THAT(Sets(), IsEmpty());
  Advance(10s);
  Pump(100);
  EXPECT_THAT(Sets(), SizeIs(2));
  for (int i = 0; i < 5; ++i) {
    Advance(10s);
    Pump(50);
  }
  EXPECT_THAT(Sets(), SizeIs(2)) << "younger than minTtlSeconds";
  Advance(10s);
  Pump(100);
  EXPECT_THAT(Sets(), SizeIs(4));
}

TEST_F(RefreshTest, MaxStaleForcesBelowTheFloor) {
  config.header.refresh.continuous = 1;
  config.header.refresh.min_ttl_s = 3600;
  config.header.refresh.max_stale_s = 30;
  Start();
  for (int i = 0; i < 4; ++i) {
    Advance(10s);
    Pump(50);
  }
  EXPECT_THAT(Sets(), SizeIs(4));
}

TEST_F(RefreshTest, ManualPolicyRefreshesOnRequestOnly) {
  config.header.refresh.at_start = config.header.refresh.continuous = config.header.refresh.manual = 1;
  Start();
  Advance(60s);
  Pump(50);
  EXPECT_THAT(Sets(), IsEmpty());
  proxy->Refresh(2);
  Pump(50);
  EXPECT_THAT(Sets(), ElementsAre("a.example: 2001:db8::1 192.0.2.1"));
  proxy->Refresh(1);  // a pattern
  proxy->Refresh(99);
  Pump(50);
  EXPECT_THAT(Sets(), SizeIs(1));
}

TEST_F(RefreshTest, FailureTellsNothingAndTheNextNameIsStillLookedUp) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    if (seen.lower() == "b.example") return {seen.Reply(0x8182).bytes};
    if (seen.type() == kTypeA) return {seen.Reply().A("@", "192.0.2.7", 30).bytes};
    return {seen.Reply().bytes};
  });
  config.header.refresh.at_start = 1;
  Start();
  Pump(100);
  EXPECT_THAT(Sets(), ElementsAre("a.example: 192.0.2.7"));
  EXPECT_EQ(reporter.Of(GateRecordKind::kTargetsEnd)[0].ttl_s, 30u);
}

TEST_F(RefreshTest, NameThatDoesNotExistIsAnEmptySet) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> { return {seen.Reply(0x8183).bytes}; });
  config.header.refresh.at_start = 1;
  Start();
  Pump(100);
  EXPECT_THAT(Sets(), ElementsAre("b.example:", "a.example:"));
  EXPECT_EQ(reporter.Of(GateRecordKind::kTargetsEnd)[0].rcode, kRcodeNxdomain);
  EXPECT_EQ(reporter.Of(GateRecordKind::kTargetsEnd)[0].ttl_s, 0u);
}

TEST_F(RefreshTest, AddressesThatMayNotBeShownAreNoTargets) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    if (seen.type() != kTypeA) return {seen.Reply().bytes};
    return {seen.Reply().A("@", "10.0.0.1").A("@", "192.0.2.9").A("@", "192.0.2.2").A("@", "192.0.2.9").bytes};
  });
  config.header.refresh.at_start = 1;
  Start();
  Pump(100);
  EXPECT_THAT(Sets()[0], "b.example: 192.0.2.2 192.0.2.9") << "sorted, each once";
}

TEST_F(RefreshTest, OneNameHasSoManyTargets) {
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    if (seen.type() != kTypeA) return {seen.Reply().bytes};
    Message reply = seen.Reply();
    for (std::size_t i = 1; i <= Refresh::kMaxTargets + 6; ++i) reply.A("@", "192.0.2." + std::to_string(i));
    return {reply.bytes};
  });
  config.header.refresh.at_start = 1;
  Start();
  Pump(100);
  const auto ends = reporter.Of(GateRecordKind::kTargetsEnd);
  ASSERT_THAT(ends, SizeIs(2));
  EXPECT_EQ(ends[0].count, Refresh::kMaxTargets);
  EXPECT_THAT(reporter.Of(GateRecordKind::kTarget), SizeIs(2 * Refresh::kMaxTargets));
  EXPECT_THAT(credits.credits, SizeIs(2 * Refresh::kMaxTargets)) << "what was not told opens nothing";
}

TEST_F(RefreshTest, RebindingIsJudgedOnceOverBothFamilies) {
  config.header.max_novel_ips = 2;
  config.header.reject_on_rebind = 1;
  config.header.refresh.at_start = 1;
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> {
    if (seen.type() == kTypeA) return {seen.Reply().A("@", "192.0.2.1").A("@", "192.0.2.2").bytes};
    return {seen.Reply().A("@", "2001:db8::1").bytes};
  });
  Start();
  Pump(100);
  EXPECT_THAT(Sets()[0], "b.example: 192.0.2.1 192.0.2.2");
  EXPECT_THAT(reporter.Of(GateRecordKind::kRebind), SizeIs(2)) << "one threshold for each of two names";
}

TEST_F(RefreshTest, EgressRulesAreResolvedWhenAskedFor) {
  config.header.refresh.resolve_egress = 1;
  config.Allow("db.example", 5432, wire::FlowProtocol::kTcp).Allow("*.x.example", 443, wire::FlowProtocol::kHttps);
  config.Allow("192.0.2.55", 443, wire::FlowProtocol::kTcp);
  Start();
  Pump(100);
  EXPECT_THAT(Sets(), ElementsAre("db.example: 2001:db8::1 192.0.2.1"));
  EXPECT_EQ(reporter.Of(GateRecordKind::kTargetsEnd)[0].code,
            static_cast<std::uint32_t>(wire::TargetPurpose::kResolveEgress));
  EXPECT_EQ(reporter.Of(GateRecordKind::kTargetsEnd)[0].port, 5432);
}

TEST_F(RefreshTest, EgressNameThatCannotBeResolvedStillEnds) {
  config.header.refresh.resolve_egress = 1;
  config.Allow("db.example", 5432, wire::FlowProtocol::kTcp);
  resolver.set_handler([](const Seen& seen) -> std::vector<Octets> { return {seen.Reply(0x8182).bytes}; });
  Start();
  Pump(100);
  EXPECT_THAT(Sets(), ElementsAre("db.example:"));
  EXPECT_EQ(reporter.Of(GateRecordKind::kTargetsEnd)[0].rcode, kRcodeServfail);
}

}  // namespace
}  // namespace gate::dns::testing
