// SPDX-License-Identifier: Apache-2.0
// What the outcome of a validation means in each mode (dns.md §5, NS-17).
#include <gmock/gmock.h>

#include "gate/dns/proxy_fixture.h"
#include "sys/socket.h"

namespace gate::dns::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using wire::GateReason;
using wire::GateRecordKind;

// cellos-upstream at the other end of a seqpacket pair: one outcome for everything.
class DnssecTest : public ProxyTest {
 protected:
  void StartWith(wire::DnssecMode mode, wire::UpstreamOutcome outcome) {
    auto pair = std::move(*sys::SocketPair(SOCK_SEQPACKET));
    ours = std::move(pair.first);
    theirs = std::move(pair.second);
    wire::GateResolver& row = AddResolver(resolver);
    row.dnssec = mode;
    row.via_upstream = 1;
    outcome_ = outcome;
    Start(ours.get());
  }
  Octets AskValidated(const Octets& query) {
    const base::UniqueFd client = UdpClient();
    Send(client, query);
    Octets answer;
    PumpUntil([&] { Serve(); return Receive(client, &answer); }, 300);
    return answer;
  }
  void Serve() {
    Octets packet(66000);
    const ssize_t count = ::recv(theirs.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (count < 0) return;
    wire::UpstreamRequest request;
    std::memcpy(&request, packet.data(), sizeof request);
    const Seen seen{{packet.begin() + sizeof request, packet.begin() + count}};
    Octets message = std::move(Message(0x81a0, 0).Ask(seen.lower(), seen.type()).A("@", "192.0.2.1")).bytes;  // AD set
    if (outcome_ == wire::UpstreamOutcome::kFailed || outcome_ == wire::UpstreamOutcome::kBogus) message.clear();
    wire::UpstreamReply reply{.id = request.id, .outcome = outcome_,
                              .bytes = static_cast<std::uint32_t>(message.size())};
    Octets out(sizeof reply);
    std::memcpy(out.data(), &reply, sizeof reply);
    Append(&out, message);
    ::send(theirs.get(), out.data(), out.size(), MSG_NOSIGNAL);
  }
  base::UniqueFd ours, theirs;
  wire::UpstreamOutcome outcome_ = wire::UpstreamOutcome::kFailed;
};

struct DnssecRow {
  const char* what;
  wire::DnssecMode mode;
  wire::UpstreamOutcome outcome;
  bool relayed;
  bool marked;  // AD
  wire::DnssecFault fault;
};
constexpr auto kOff = wire::DnssecMode::kOff, kEffort = wire::DnssecMode::kBestEffort,
               kRequire = wire::DnssecMode::kRequire;
constexpr auto kFailed = wire::DnssecFault::kValidationFailed;
const DnssecRow kDnssecRows[] = {
    {"off, answered", kOff, wire::UpstreamOutcome::kAnswered, true, true, kFailed},
    {"effort, validated", kEffort, wire::UpstreamOutcome::kValidated, true, true, kFailed},
    {"effort, unsigned", kEffort, wire::UpstreamOutcome::kInsecure, true, false, kFailed},
    {"effort, bogus", kEffort, wire::UpstreamOutcome::kBogus, false, false, kFailed},
    {"effort, failed", kEffort, wire::UpstreamOutcome::kFailed, false, false, kFailed},
    {"effort, skipped", kEffort, wire::UpstreamOutcome::kUnsupportedType, true, false, kFailed},
    {"effort, nobody says", kEffort, wire::UpstreamOutcome::kAnswered, false, false, kFailed},
    {"require, validated", kRequire, wire::UpstreamOutcome::kValidated, true, true, kFailed},
    {"require, unsigned", kRequire, wire::UpstreamOutcome::kInsecure, false, false,
     wire::DnssecFault::kUnsignedInRequireMode},
    {"require, bogus", kRequire, wire::UpstreamOutcome::kBogus, false, false, kFailed},
    {"require, failed", kRequire, wire::UpstreamOutcome::kFailed, false, false, kFailed},
    {"require, skipped", kRequire, wire::UpstreamOutcome::kUnsupportedType, false, false,
     wire::DnssecFault::kUnsupportedTypeInRequireMode},
};

TEST_F(DnssecTest, OutcomeAndModeDecide) {
  for (const DnssecRow& row : kDnssecRows) {
    proxy.reset();
    config.resolvers.clear();
    stubs.clear();
    reporter.records.clear();
    StartWith(row.mode, row.outcome);
    const Octets answer = AskValidated(Query("ok.example").bytes);
    ASSERT_FALSE(answer.empty()) << row.what;
    EXPECT_EQ(answer[3] & 0xf, row.relayed ? kRcodeNoError : kRcodeServfail) << row.what;
    EXPECT_EQ((answer[3] & kFlagAd) != 0, row.marked) << row.what;
    ASSERT_THAT(Queries(), SizeIs(1)) << row.what;
    const auto reason = row.relayed ? GateReason::kAllowedByAllowlist : GateReason::kDeniedDnssec;
    EXPECT_EQ(Queries()[0].reason, reason) << row.what;
    const auto told = reporter.Of(GateRecordKind::kDnssecFailed);
    ASSERT_EQ(told.size(), row.relayed ? 0u : 1u) << row.what;
    if (row.relayed) continue;
    EXPECT_EQ(told[0].code, static_cast<std::uint32_t>(row.fault)) << row.what;
    EXPECT_STREQ(told[0].name, "ok.example");
    EXPECT_EQ(reporter.records.back().kind, GateRecordKind::kDnssecFailed) << "after the query";
  }
  EXPECT_THAT(resolver.log, IsEmpty()) << "nothing past cellos-upstream";
}

TEST_F(DnssecTest, LaxerResolverNeverServesBehindAStricterOne) {
  StubResolver lax([](const Seen& seen) -> std::vector<Octets> { return {seen.Reply().A("@", "203.0.113.66").bytes}; });
  wire::GateResolver& strict = AddResolver(resolver);
  strict.dnssec = kRequire;
  strict.via_upstream = 1;
  AddResolver(lax);
  Start(-1);  // cellos-upstream is gone
  EXPECT_EQ(AskUdp(Query("ok.example").bytes)[3] & 0xf, kRcodeServfail);
  EXPECT_EQ(Queries().back().reason, GateReason::kDeniedDnssec);
  EXPECT_THAT(lax.log, IsEmpty());
}

TEST_F(DnssecTest, DeadUpstreamProcessFailsWhatWaits) {
  StartWith(kRequire, wire::UpstreamOutcome::kValidated);
  const base::UniqueFd client = UdpClient();
  Send(client, Query("ok.example").bytes);
  Pump();
  theirs.Reset();
  Octets answer;
  ASSERT_TRUE(PumpUntil([&] { return Receive(client, &answer); }, 300));
  EXPECT_EQ(answer[3] & 0xf, kRcodeServfail);
}

}  // namespace
}  // namespace gate::dns::testing
