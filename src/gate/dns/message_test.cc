// SPDX-License-Identifier: Apache-2.0
// What counts as a question and as an answer to it.
#include "gate/dns/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/dns/message_fixture.h"

namespace gate::dns {
namespace {

using namespace testing;
using ::testing::ElementsAre;

QuestionFault FaultOf(const Octets& bytes) {
  Question question;
  const Octets exact(bytes);
  return ParseQuestion(exact, &question);
}
AnswerFault AnswerFaultOf(const Octets& bytes, std::string_view name = "a.example", std::uint16_t type = kTypeA) {
  Answer answer;
  const Octets query = Query(name, type).bytes;
  return ParseAnswer(bytes, 0x1234, Bytes(query).subspan(kHeaderBytes), &answer);
}
Octets With(Octets bytes, std::size_t at, std::uint8_t value) {
  bytes[at] = value;
  return bytes;
}

TEST(DnsQuestion, IsReadWithItsNameInLowerCaseAndItsSectionAsSent) {
  const Octets bytes = Query("API.Unit.exaMPle", kTypeAaaa).bytes;
  Question question;
  ASSERT_EQ(ParseQuestion(bytes, &question), QuestionFault::kNone);
  EXPECT_EQ(question.id, 0x1234);
  EXPECT_EQ(question.flags, 0x0100);
  EXPECT_EQ(question.name(), "api.unit.example");
  EXPECT_EQ(question.type, kTypeAaaa);
  EXPECT_EQ(ToHex(question.section()), ToHex(Bytes(bytes).subspan(12)));
  EXPECT_FALSE(question.edns);
  EXPECT_TRUE(question.plain);
}

TEST(DnsQuestion, RootIsTheEmptyName) {
  Question question;
  const Octets bytes = Query("").bytes;
  ASSERT_EQ(ParseQuestion(bytes, &question), QuestionFault::kNone);
  EXPECT_EQ(question.name(), "");
  EXPECT_EQ(question.section_bytes, 5);
}

TEST(DnsQuestion, CutAtAnyByteIsTooShort) {
  const Octets whole = Query("a.example").bytes;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(FaultOf({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}), QuestionFault::kTooShort)
        << size;
  }
}

TEST(DnsQuestion, OnlyOneQuestionIsTaken) {
  EXPECT_EQ(FaultOf(Message(0x0100).bytes), QuestionFault::kNoQuestion);
  EXPECT_EQ(FaultOf(Message(0x0100).Ask("a.b", 1).Ask("c.d", 1).bytes), QuestionFault::kSeveralQuestions);
  EXPECT_EQ(FaultOf(With(Query("a.b").bytes, 4, 0xff)), QuestionFault::kSeveralQuestions);
}

TEST(DnsQuestion, AnswersAndOtherOpcodesAreRefused) {
  EXPECT_EQ(FaultOf(Message(0x8180).Ask("a.b", 1).bytes), QuestionFault::kNotAQuery);
  for (std::uint16_t opcode = 1; opcode < 16; ++opcode) {
    EXPECT_EQ(FaultOf(Message(static_cast<std::uint16_t>(opcode << 11)).Ask("a.b", 1).bytes),
              QuestionFault::kUnsupportedOpcode);
  }
}

TEST(DnsQuestion, RefusesCompressionPointersAndReservedLabelTypes) {
  EXPECT_EQ(FaultOf(Message(0).Ask("@", 1).bytes), QuestionFault::kCompressedName);
  EXPECT_EQ(FaultOf(Message(0).Ask("@0", 1).bytes), QuestionFault::kCompressedName);
  EXPECT_EQ(FaultOf(With(Query("a.b").bytes, 12, 0x40)), QuestionFault::kLabelTooLong);
  EXPECT_EQ(FaultOf(With(Query("a.b").bytes, 12, 0xbf)), QuestionFault::kLabelTooLong);
}

TEST(DnsQuestion, NamesOf253BytesAndLabelsOf63AreTheLongest) {
  const std::string l63(63, 'a');
  const std::string longest = l63 + "." + l63 + "." + l63 + "." + std::string(61, 'b');
  ASSERT_EQ(longest.size(), kMaxNameText);
  Question question;
  const Octets bytes = Query(longest).bytes;
  ASSERT_EQ(ParseQuestion(bytes, &question), QuestionFault::kNone);
  EXPECT_EQ(question.name(), longest);
  EXPECT_EQ(FaultOf(Query(longest + "b").bytes), QuestionFault::kNameTooLong);
  EXPECT_EQ(FaultOf(Query(l63 + "a.b").bytes), QuestionFault::kLabelTooLong);
}

TEST(DnsQuestion, LabelBytesThatDoNotRoundTripAreRefused) {
  for (int byte = 0; byte < 256; ++byte) {
    const bool fine = byte >= 0x20 && byte <= 0x7e && byte != '.' && byte != '\\';
    EXPECT_EQ(FaultOf(With(Query("xyz.example").bytes, 14, static_cast<std::uint8_t>(byte))),
              fine ? QuestionFault::kNone : QuestionFault::kBadLabelByte)
        << byte;
  }
}

TEST(DnsQuestion, OtherClassesAreRefused) {
  for (const int other : {0, 2, 3, 4, 254, 255, 256}) {
    EXPECT_EQ(FaultOf(Message(0).Ask("a.b", 1, static_cast<std::uint16_t>(other)).bytes),
              QuestionFault::kUnsupportedClass);
  }
}

TEST(DnsQuestion, MayCarryOneOptRecordAndNothingElse) {
  Question question;
  const Octets bytes = Query("a.b").Opt(4096, true).bytes;
  ASSERT_EQ(ParseQuestion(bytes, &question), QuestionFault::kNone);
  EXPECT_TRUE(question.edns);
  EXPECT_TRUE(question.dnssec_ok);
  EXPECT_EQ(question.edns_bytes, 4096);
  EXPECT_TRUE(question.plain);

  EXPECT_EQ(FaultOf(Query("a.b").Opt().Opt().bytes), QuestionFault::kUnexpectedRecords);
  EXPECT_EQ(FaultOf(Query("a.b").A("@", "192.0.2.1").bytes), QuestionFault::kUnexpectedRecords);
  EXPECT_EQ(FaultOf(Query("a.b").Add(Section::kAuthority, "@", kTypeNs, 1, WireName("@")).bytes),
            QuestionFault::kUnexpectedRecords);
  EXPECT_EQ(FaultOf(Query("a.b").Add(Section::kAdditional, "", 250, 0, {}).bytes), QuestionFault::kUnexpectedRecords);
  EXPECT_EQ(FaultOf(Query("a.b").Add(Section::kAdditional, "x", kTypeOpt, 0, {}).bytes),
            QuestionFault::kUnexpectedRecords);
  Octets cut = Query("a.b").Opt(512, false, Octets(8, 1)).bytes;
  cut.pop_back();
  EXPECT_EQ(FaultOf(cut), QuestionFault::kUnexpectedRecords);
}

TEST(DnsQuestion, IsPlainOnlyWithoutOptionsAndBytesThatNothingCounts) {
  Question question;
  Octets bytes = Query("a.b").Opt(512, false, Hex("000a00080102030405060708")).bytes;
  ASSERT_EQ(ParseQuestion(bytes, &question), QuestionFault::kNone);
  EXPECT_FALSE(question.plain);
  bytes = Query("a.b").bytes;
  bytes.push_back(0);
  ASSERT_EQ(ParseQuestion(bytes, &question), QuestionFault::kNone);
  EXPECT_FALSE(question.plain);
}

TEST(DnsAnswer, IsWalkedRecordByRecord) {
  const Octets bytes = Reply("a.example")
                           .Cname("@", "b.example", 300)
                           .A("b.example", "192.0.2.7", 60)
                           .Add(Section::kAuthority, "example", kTypeNs, 5, WireName("ns.example"))
                           .Opt()
                           .bytes;
  const Octets query = Query("a.example").bytes;
  Answer answer;
  ASSERT_EQ(ParseAnswer(bytes, 0x1234, Bytes(query).subspan(12), &answer), AnswerFault::kNone);
  ASSERT_EQ(answer.records.size(), 4u);
  EXPECT_EQ(answer.records[1].type, kTypeA);
  EXPECT_EQ(answer.records[1].ttl, 60u);
  EXPECT_EQ(ToHex(answer.data(answer.records[1])), "c0000207");
  EXPECT_EQ(answer.records[2].section, Section::kAuthority);
  EXPECT_EQ(answer.opt, 3);
  EXPECT_EQ(answer.end, bytes.size());
}

TEST(DnsAnswer, OfAnotherQuestionIdOrKindIsNotOurs) {
  EXPECT_EQ(AnswerFaultOf(Reply("a.example").bytes), AnswerFault::kNone);
  EXPECT_EQ(AnswerFaultOf(Message(0x8180, 0x4321).Ask("a.example", 1).bytes), AnswerFault::kOtherId);
  EXPECT_EQ(AnswerFaultOf(Message(0x0100).Ask("a.example", 1).bytes), AnswerFault::kNotAnAnswer);
  EXPECT_EQ(AnswerFaultOf(Message(0xa800).Ask("a.example", 1).bytes), AnswerFault::kNotAnAnswer);
  EXPECT_EQ(AnswerFaultOf(Reply("b.example").bytes), AnswerFault::kOtherQuestion);
  EXPECT_EQ(AnswerFaultOf(Reply("a.example", kTypeAaaa).bytes), AnswerFault::kOtherQuestion);
  EXPECT_EQ(AnswerFaultOf(Message(0x8180).Ask("a.example", 1, 3).bytes), AnswerFault::kOtherQuestion);
  EXPECT_EQ(AnswerFaultOf(Message(0x8180).bytes), AnswerFault::kOtherQuestion);
  EXPECT_EQ(AnswerFaultOf(Reply("a.example").Ask("a.example", 1).bytes), AnswerFault::kOtherQuestion);
}

TEST(DnsAnswer, InOtherLettersThanAskedIsToldApart) {
  EXPECT_EQ(AnswerFaultOf(Reply("a.eXample").bytes), AnswerFault::kOtherCase);
  EXPECT_EQ(AnswerFaultOf(Reply("a.eXample").bytes, "a.eXample"), AnswerFault::kNone);
}

TEST(DnsAnswer, CutAtAnyByteIsMalformed) {
  const Octets whole = Reply("a.example").Cname("@", "b.example").A("b.example", "192.0.2.7").Opt().bytes;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(AnswerFaultOf({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}),
              AnswerFault::kMalformed)
        << size;
  }
}

TEST(DnsAnswer, PointersThatLeadForwardInCirclesOrOutAreMalformed) {
  // The first record starts at 27.
  for (const char* owner : {"@27", "@28", "@300", "@16383", "@0", "@11"}) {
    EXPECT_EQ(AnswerFaultOf(Reply("a.example").Add(Section::kAnswer, owner, kTypeA, 1, AddressData("192.0.2.1")).bytes),
              AnswerFault::kMalformed)
        << owner;
  }
  EXPECT_EQ(AnswerFaultOf(Reply("a.example").Add(Section::kAnswer, "@14", kTypeA, 1, AddressData("192.0.2.1")).bytes),
            AnswerFault::kNone);
}

TEST(DnsAnswer, NamesThatGrowPast255BytesAreMalformed) {
  Octets bytes = Reply("a.example").bytes;
  const std::string l63(63, 'a');
  // Four labels of 63 bytes that go on in the question's name.
  Octets owner;
  for (int i = 0; i < 4; ++i) {
    owner.push_back(63);
    owner.insert(owner.end(), l63.begin(), l63.end());
  }
  Append(&bytes, Joined({owner, U16(0xc00c), U16(kTypeTxt), U16(1), U32(1), U16(0)}));
  bytes[7] = 1;
  EXPECT_EQ(AnswerFaultOf(bytes), AnswerFault::kMalformed);
}

TEST(DnsAnswer, CountsThatLieAndDataPastTheEndAreMalformed) {
  EXPECT_EQ(AnswerFaultOf(With(Reply("a.example").A("@", "192.0.2.1").bytes, 6, 0xff)), AnswerFault::kMalformed);
  Octets bytes = Reply("a.example").A("@", "192.0.2.1").bytes;
  bytes[bytes.size() - 5] = 5;
  EXPECT_EQ(AnswerFaultOf(bytes), AnswerFault::kMalformed);
}

TEST(DnsAnswer, LinksOfAChainMustBeOneNameEach) {
  EXPECT_EQ(AnswerFaultOf(Reply("a.example").Add(Section::kAnswer, "@", kTypeCname, 1, Hex("0161")).bytes),
            AnswerFault::kMalformed);
  EXPECT_EQ(AnswerFaultOf(Reply("a.example").Add(Section::kAnswer, "@", kTypeCname, 1, Hex("01610000")).bytes),
            AnswerFault::kMalformed);
}

TEST(DnsAnswer, OptStandsOnceInItsPlace) {
  EXPECT_EQ(AnswerFaultOf(Reply("a.example").Opt().Opt().bytes), AnswerFault::kMalformed);
  EXPECT_EQ(AnswerFaultOf(Reply("a.example").Add(Section::kAnswer, "", kTypeOpt, 0, {}).bytes),
            AnswerFault::kMalformed);
  EXPECT_EQ(AnswerFaultOf(Reply("a.example").Add(Section::kAdditional, "x", kTypeOpt, 0, {}).bytes),
            AnswerFault::kMalformed);
}

TEST(DnsName, TextIsEmptyWhereItWouldNotStandForTheName) {
  char text[kMaxNameText];
  const auto text_of = [&](std::string_view name, std::size_t at, std::uint8_t byte) {
    Octets wire = Joined({Octets(12, 0), WireName(name)});
    if (at != 0) wire[12 + at] = byte;
    Name read;
    EXPECT_NE(ReadName(wire, 12, &read), 0u);
    return std::string(ToText(read, text));
  };
  EXPECT_EQ(text_of("A.exAmple", 0, 0), "a.example");
  EXPECT_EQ(text_of("", 0, 0), "");
  EXPECT_EQ(text_of("abc.example", 2, '.'), "");
  EXPECT_EQ(text_of("abc.example", 2, 0), "");
  EXPECT_EQ(text_of("abc.example", 2, 0xc3), "");
}

TEST(DnsName, SuffixesEndAtLabels) {
  const auto name = [](std::string_view text) {
    const Octets wire = Joined({Octets(12, 0), WireName(text)});
    Name read;
    ReadName(wire, 12, &read);
    return read;
  };
  EXPECT_TRUE(IsBelowOrEqual(name("x.a.example"), name("a.example")));
  EXPECT_TRUE(IsBelowOrEqual(name("a.example"), name("")));
  EXPECT_FALSE(IsBelowOrEqual(name("ba.example"), name("a.example")));
  Name out;
  ASSERT_TRUE(ReplaceSuffix(name("x.a.example"), name("a.example"), name("b.test"), &out));
  EXPECT_TRUE(out == name("x.b.test"));
}

}  // namespace
}  // namespace gate::dns
