// SPDX-License-Identifier: Apache-2.0
// Records to the supervisor: order, packets, rates, bounds, exact counts.
#include "gate/reporter.h"

#include <gtest/gtest.h>

#include <cstring>

#include "sys/socket.h"

namespace gate {
namespace {

using wire::GateReason;
using wire::GateRecord;
using wire::GateRecordKind;

GateRecord Denial(GateReason reason, std::uint32_t rule = 0) {
  GateRecord record;
  record.kind = GateRecordKind::kFlow;
  record.reason = reason;
  record.rule = {wire::RuleKind::kEgressRule, {}, rule};
  return record;
}
GateRecord Allowed() {
  GateRecord record = Denial(GateReason::kGateGrantMatch);
  return record;
}

class ReporterTest : public testing::Test {
 protected:
  base::FakeClock clock;
  std::unique_ptr<Loop> loop = std::move(*Loop::Create(clock));
  std::pair<base::UniqueFd, base::UniqueFd> ends = std::move(*sys::SocketPair(SOCK_SEQPACKET));

  void Round() { ASSERT_TRUE(loop->Round(std::chrono::milliseconds(0))); }
  // What arrived, packet by packet.
  std::vector<std::vector<GateRecord>> Packets() {
    std::vector<std::vector<GateRecord>> packets;
    std::vector<GateRecord> buffer(wire::kMaxRecordsPerPacket + 1);
    for (;;) {
      auto got =
          sys::RecvMsg(ends.second.get(), {reinterpret_cast<char*>(buffer.data()), buffer.size() * sizeof(GateRecord)},
                       MSG_DONTWAIT);
      if (!got || got->bytes == 0) return packets;
      packets.emplace_back(buffer.begin(), buffer.begin() + static_cast<long>(got->bytes / sizeof(GateRecord)));
    }
  }
  std::vector<GateRecord> Records() {
    std::vector<GateRecord> all;
    for (const auto& packet : Packets()) all.insert(all.end(), packet.begin(), packet.end());
    return all;
  }
};

TEST_F(ReporterTest, RecordsOfOneRoundLeaveInOrderAndInFewPackets) {
  RecordReporter reporter(*loop, clock, ends.first.get(), {});
  for (int i = 0; i < 50; ++i) EXPECT_EQ(reporter.Report(Allowed()), static_cast<std::uint64_t>(i + 1));
  EXPECT_TRUE(Packets().empty());
  Round();
  const auto packets = Packets();
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].size(), wire::kMaxRecordsPerPacket);
  EXPECT_EQ(packets[1].size(), 50 - wire::kMaxRecordsPerPacket);
  EXPECT_EQ(packets[1].back().id, 50u);
}

TEST_F(ReporterTest, DenialsBeyondTheRateAreCountedByReasonAndRuleExactly) {  // PK-18
  RecordReporter reporter(*loop, clock, ends.first.get(), {.queue = 5000, .denials_per_second = 10});
  for (int i = 0; i < 1000; ++i) {
    reporter.Report(Denial(GateReason::kGatePort, 1));
    reporter.Report(Denial(GateReason::kGatePort, 2));
    reporter.Report(Denial(GateReason::kGateNotAnswered));
  }
  reporter.Report(Allowed());
  Round();
  auto records = Records();
  ASSERT_EQ(records.size(), 11u);
  EXPECT_EQ(records.back().reason, GateReason::kGateGrantMatch) << "an allowed flow is told whatever is denied";
  std::uint32_t told[3] = {}, summed[3] = {};
  const auto index = [](const GateRecord& record) {
    return record.reason == GateReason::kGateNotAnswered ? 0u : record.rule.index;
  };
  for (int i = 0; i < 10; ++i) ++told[index(records[static_cast<std::size_t>(i)])];
  clock.boot += std::chrono::seconds(2);
  Round();
  for (const GateRecord& record : Records()) {
    EXPECT_EQ(record.kind, GateRecordKind::kSuppressed);
    EXPECT_EQ(record.kind2, GateRecordKind::kFlow);
    summed[index(record)] += record.count;
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(told[i] + summed[i], 1000u) << i;
  wire::GateTotals totals = {};
  reporter.AddTo(&totals);
  EXPECT_EQ(totals.suppressed, 2990u);
  EXPECT_EQ(totals.lost, 0u);
}

TEST_F(ReporterTest, TheRateIsOfEachSecond) {
  RecordReporter reporter(*loop, clock, ends.first.get(), {.denials_per_second = 1});
  for (int second = 0; second < 3; ++second) {
    reporter.Report(Denial(GateReason::kGatePort));
    clock.boot += std::chrono::seconds(1);
    Round();
  }
  const auto records = Records();
  ASSERT_EQ(records.size(), 3u);
  for (const GateRecord& record : records) EXPECT_EQ(record.kind, GateRecordKind::kFlow) << "told by itself";
}

TEST_F(ReporterTest, MoreKindsOfDenialThanAreKeptApartAreToldSoonerAndCountedExactly) {
  RecordReporter reporter(*loop, clock, ends.first.get(), {.queue = 5000, .denials_per_second = 0});
  for (std::uint32_t rule = 0; rule < 300; ++rule) reporter.Report(Denial(GateReason::kGatePort, rule));
  Round();
  EXPECT_EQ(Records().size(), 256u);
  clock.boot += std::chrono::seconds(1);
  Round();
  const auto records = Records();
  ASSERT_EQ(records.size(), 44u);
  for (const GateRecord& record : records) EXPECT_EQ(record.kind, GateRecordKind::kSuppressed);
  wire::GateTotals totals = {};
  reporter.AddTo(&totals);
  EXPECT_EQ(totals.suppressed, 300u);
  EXPECT_EQ(totals.lost, 0u);
}

TEST_F(ReporterTest, ADenialThatFindsNoRoomAnywhereIsLostAndCounted) {
  RecordReporter reporter(*loop, clock, ends.first.get(), {.queue = 4, .denials_per_second = 0});
  for (int i = 0; i < 4; ++i) reporter.Report(Allowed());
  for (std::uint32_t rule = 0; rule < 257; ++rule) reporter.Report(Denial(GateReason::kGatePort, rule));
  wire::GateTotals totals = {};
  reporter.AddTo(&totals);
  EXPECT_EQ(totals.suppressed, 256u);
  EXPECT_EQ(totals.lost, 1u);
}

TEST_F(ReporterTest, SumsThatFoundNoRoomAreTriedAgain) {
  RecordReporter reporter(*loop, clock, ends.first.get(), {.queue = 4, .denials_per_second = 0});
  reporter.Report(Denial(GateReason::kGatePort));
  for (int i = 0; i < 4; ++i) reporter.Report(Allowed());
  clock.boot += std::chrono::seconds(1);
  Round();
  EXPECT_EQ(Records().size(), 4u);
  clock.boot += std::chrono::seconds(1);
  Round();
  const auto records = Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].kind, GateRecordKind::kSuppressed);
}

TEST_F(ReporterTest, AFullSocketFillsABoundedQueueAndWhatFindsItFullIsCounted) {
  RecordReporter reporter(*loop, clock, ends.first.get(), {.queue = 100});
  std::uint64_t reported = 0;
  wire::GateTotals totals = {};
  while (totals.lost == 0) {
    reporter.Report(Allowed());
    ++reported;
    Round();
    totals = {};
    reporter.AddTo(&totals);
    ASSERT_LT(reported, 100000u);
  }
  EXPECT_TRUE(reporter.Congested());
  std::uint64_t arrived = 0;
  for (int i = 0; i < 100 && !reporter.Empty(); ++i) {
    arrived += Records().size();
    Round();
  }
  arrived += Records().size();
  EXPECT_EQ(arrived + totals.lost, reported);
  EXPECT_FALSE(reporter.Congested());
}

TEST_F(ReporterTest, SumsWaitForRoomInsteadOfBeingLost) {
  RecordReporter reporter(*loop, clock, ends.first.get(), {.queue = 4, .denials_per_second = 0});
  for (int i = 0; i < 4; ++i) reporter.Report(Allowed());
  reporter.Report(Denial(GateReason::kGatePort));
  reporter.TellSuppressed();
  Round();
  EXPECT_EQ(Records().size(), 4u);
  reporter.TellSuppressed();
  Round();
  const auto records = Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].count, 1u);
}

TEST_F(ReporterTest, KnowsThatTheSupervisorIsGone) {
  RecordReporter reporter(*loop, clock, ends.first.get(), {});
  int called = 0;
  ASSERT_TRUE(reporter.WatchInput([&] { ++called; }));
  ends.second.Reset();
  reporter.Report(Allowed());
  Round();
  EXPECT_TRUE(reporter.Broken());
  EXPECT_EQ(called, 1);
}

}  // namespace
}  // namespace gate
