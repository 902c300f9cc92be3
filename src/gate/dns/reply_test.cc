// SPDX-License-Identifier: Apache-2.0
// The messages that the gate writes itself, byte for byte.
#include "gate/dns/reply.h"

#include <gtest/gtest.h>

#include "gate/dns/message_fixture.h"

namespace gate::dns {
namespace {

using namespace testing;

Question Parsed(const Octets& bytes) {
  Question question;
  EXPECT_EQ(ParseQuestion(bytes, &question), QuestionFault::kNone);
  return question;
}
std::string ReplyTo(const Octets& query, std::uint8_t rcode, const ExtendedError& error = {}) {
  std::array<std::uint8_t, kMaxReplyBytes> out;
  return ToHex(Bytes(out).first(WriteReply(Parsed(query), rcode, error, out)));
}
Octets Forwarded(const Octets& query, const ForwardOptions& options) {
  std::array<std::uint8_t, kMaxForwardBytes> out;
  const std::size_t size = WriteForward(Parsed(query), options, out);
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
}

const char kEvil[] = "123401000001000000000000046576696c076578616d706c650000010001";

TEST(DnsReply, RefusedAndServfailAreTheQuestionWithThreeFlagsChanged) {
  EXPECT_EQ(ReplyTo(Hex(kEvil), kRcodeRefused), "123481050001000000000000046576696c076578616d706c650000010001");
  EXPECT_EQ(ReplyTo(Hex(kEvil), kRcodeServfail), "123481020001000000000000046576696c076578616d706c650000010001");
}

TEST(DnsReply, OtherBitsStayAsAskedAndRaAndRcodeDoNot) {
  const Octets query = Message(0x01bf).Ask("EviL.example", 1).bytes;  // RD RA AD CD, rcode 15
  EXPECT_EQ(ReplyTo(query, kRcodeRefused), "123481350001000000000000044576694c076578616d706c650000010001");
}

TEST(DnsReply, BytesBehindTheQuestionAreNotEchoed) {
  Octets query = Hex(kEvil);
  query.resize(1400, 0xaa);
  EXPECT_EQ(ReplyTo(query, kRcodeRefused).size(), sizeof kEvil - 1);
}

TEST(DnsReply, AQueryWithOptGetsOneWithAnExtendedErrorThatNamesTheRule) {
  const Octets query = Query("evil.example").Opt(4096, true, Hex("000a00080102030405060708")).bytes;
  EXPECT_EQ(ReplyTo(query, kRcodeRefused, {kEdeBlocked, "default"}),
            "123481050001000000000001046576696c076578616d706c650000010001"
            "00002904d000008000000d"   // size 1232, DO as asked
            "000f0009000f" + ToHex(base::AsBytes("default")));
}

TEST(DnsReply, TheLongestReplyFitsItsBuffer) {
  const std::string l63(63, 'a');
  const Octets query = Query(l63 + "." + l63 + "." + l63 + "." + std::string(61, 'b')).Opt().bytes;
  const std::string reply = ReplyTo(query, kRcodeRefused, {kEdeBlocked, std::string(1000, 'x')});
  EXPECT_EQ(reply.size() / 2, 12u + 255 + 4 + 11 + 6 + 160);
}

TEST(DnsForward, IsTheClientsMessageUnderAnotherId) {
  Octets query = Query("a.example").Opt(4096, false, Hex("0008000400010000")).bytes;
  query.push_back(0xde);
  const Octets forwarded = Forwarded(query, {.id = 0xbeef});
  EXPECT_EQ(ToHex(forwarded).substr(4), ToHex(query).substr(4));
  EXPECT_EQ(ToHex(forwarded).substr(0, 4), "beef");
}

TEST(DnsForward, LettersFollowTheBitsAndNothingElseChanges) {
  const CaseBits bits = {0b1011};  // from the lowest: a, x, a, m
  const Octets forwarded = Forwarded(Query("A-1.XAMP").bytes, {.id = 0x1234, .letters = &bits});
  EXPECT_EQ(ToHex(forwarded), ToHex(Query("A-1.XaMp").bytes));
}

TEST(DnsForward, DnssecIsAskedForInTheClientsOptRecordOrInOneOfOurs) {
  EXPECT_EQ(ToHex(Forwarded(Query("a.b").Opt(900).bytes, {.id = 0x1234, .ask_dnssec = true})),
            ToHex(Query("a.b").Opt(900, true).bytes));
  Octets junk = Query("a.b").bytes;
  Append(&junk, Octets(1488, 7));
  EXPECT_EQ(ToHex(Forwarded(junk, {.id = 0x1234, .ask_dnssec = true})), ToHex(Query("a.b").Opt(1232, true).bytes));
}

TEST(DnsForward, NoMoreThan1500BytesLeave) {
  Octets query = Query("a.b").bytes;
  query.resize(4000);
  EXPECT_EQ(Forwarded(query, {.id = 1}).size(), 1500u);
}

TEST(DnsCut, AnAnswerTooLongForUdpBecomesItsQuestionWithTcSet) {
  EXPECT_EQ(UdpLimit(Parsed(Query("a.b").bytes)), 512u);
  EXPECT_EQ(UdpLimit(Parsed(Query("a.b").Opt(0).bytes)), 512u);
  EXPECT_EQ(UdpLimit(Parsed(Query("a.b").Opt(1400).bytes)), 1400u);

  Message answer = Reply("a.b");
  for (int i = 0; i < 40; ++i) answer.A("@", "192.0.2.1");
  Octets plain = answer.bytes;
  EXPECT_EQ(CutForUdp(plain, plain.size()), plain.size());
  EXPECT_EQ(Read16(plain, 2), 0x8180) << "what fits is not touched";
  plain.resize(CutForUdp(plain, 512));
  EXPECT_EQ(ToHex(plain), ToHex(Reply("a.b", 1, 0x8380).bytes));

  Octets with_opt = answer.Opt(1232, true, Octets(8, 0)).bytes;
  with_opt.resize(CutForUdp(with_opt, 512));
  EXPECT_EQ(ToHex(with_opt), ToHex(Reply("a.b", 1, 0x8380).Opt(1232, true, Octets(8, 0)).bytes));
}

TEST(DnsCut, AnOptRecordTooLongForTheLimitLosesItsOptions) {
  Octets answer = Reply("a.b").Opt(1232, true, Octets(600, 0)).bytes;
  answer.resize(CutForUdp(answer, 512));
  EXPECT_EQ(ToHex(answer), ToHex(Reply("a.b", 1, 0x8380).Opt(1232, true).bytes));
}

TEST(DnsQuestionRestored, ClientsIdAndLettersComeBack) {
  Octets answer = Message(0x8180, 0x9999).Ask("A.exAMple", 1).A("@", "192.0.2.1").bytes;
  const Octets query = Query("a.ExamplE").bytes;
  RestoreQuestion(answer, Parsed(query));
  EXPECT_EQ(ToHex(answer), ToHex(Reply("a.ExamplE").A("@", "192.0.2.1").bytes));
}

TEST(DnsAge, EveryTtlButThatOfOptFallsAndStopsAtZero) {
  Octets answer = Reply("a.b").Cname("@", "c.b", 300).A("c.b", "192.0.2.1", 20).Opt(512, true).bytes;
  AgeTtls(answer, 60);
  EXPECT_EQ(ToHex(answer), ToHex(Reply("a.b").Cname("@", "c.b", 240).A("c.b", "192.0.2.1", 0).Opt(512, true).bytes));
}

}  // namespace
}  // namespace gate::dns
