// SPDX-License-Identifier: Apache-2.0
// Reading and rewriting messages: what fits a question, what a query allows in its answer, what bytes can't do.
#include "upstream/message.h"

#include <gtest/gtest.h>

#include "upstream/signed_zone_fixture.h"

namespace upstream {
namespace {

std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes += static_cast<char>(value);
  return bytes;
}

std::string AsReply(std::string query, int flags = 0x81, int rcode = 0x80) {
  query[2] = static_cast<char>(flags);
  query[3] = static_cast<char>(rcode);
  return query;
}

// An A record, its RRSIG, an NSEC in authority, an OPT, in compressed form, for www.zone.example.
std::string SignedAnswer() {
  std::string answer = AsReply(MakeQuery("www.zone.example", kTypeA), 0x81, 0xa0);
  answer += Bytes({0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 198, 51, 100, 10});
  answer += Bytes({0xc0, 12, 0, 46, 0, 1, 0, 0, 1, 44, 0, 22, 0, 1, 13, 3, 0, 0, 1, 44, 1, 2, 3, 4, 1, 2, 3, 4, 0x30, 0x39,
                   0, 1, 2, 3});
  answer += Bytes({0xc0, 16, 0, 47, 0, 1, 0, 0, 1, 44, 0, 3, 0, 0, 1});
  answer += Bytes({0, 0, 41, 0xff, 0xff, 0, 0, 0x80, 0, 0, 0});
  answer[7] = 2;
  answer[9] = 1;
  answer[11] = 1;
  return answer;
}

TEST(Message, ReadsOneQuestionAndRefusesWhatIsNone) {
  const std::string query = MakeQuery("www.example", kTypeAaaa);
  const auto question = QuestionOf(query);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->type, kTypeAaaa);
  EXPECT_EQ(question->klass, 1);
  EXPECT_EQ(question->end, query.size());
  EXPECT_EQ(NameText(question->name), "www.example.");
  for (std::size_t size = 0; size < query.size(); ++size) EXPECT_FALSE(QuestionOf(query.substr(0, size))) << size;
  std::string two = query;
  two[5] = 2;
  EXPECT_FALSE(QuestionOf(two));
  std::string pointer = query;
  pointer[12] = static_cast<char>(0xc0);
  EXPECT_FALSE(QuestionOf(pointer));
}

TEST(Message, ANameInTextFormReadsBackToTheSameLabels) {
  EXPECT_EQ(NameText(Bytes({3, 'a', '.', 'b', 2, '\\', 0xff, 0})), "a\\046b.\\092\\255.");
  EXPECT_EQ(NameText(Bytes({0})), ".");
}

TEST(Message, AnAnswerNeedsQrTheOpcodeAndTheQuestionInAnyLetterCase) {
  const std::string query = MakeQuery("wWw.example", kTypeA);
  const Question asked = *QuestionOf(query);
  EXPECT_TRUE(Answers(asked, query, AsReply(MakeQuery("www.EXAMPLE", kTypeA))));
  EXPECT_FALSE(Answers(asked, query, MakeQuery("www.example", kTypeA))) << "QR is 0";
  EXPECT_FALSE(Answers(asked, query, AsReply(MakeQuery("www.example", kTypeAaaa))));
  EXPECT_FALSE(Answers(asked, query, AsReply(MakeQuery("vvw.example", kTypeA))));
  EXPECT_FALSE(Answers(asked, query, AsReply(MakeQuery("www.example", kTypeA), 0xa1)));
}

TEST(Message, TheUdpSizeIsOnlyLowered) {
  std::string query = MakeQuery("www.example", kTypeA, true);
  const std::size_t size_at = query.size() - 8;
  ASSERT_EQ(query.substr(size_at, 2), Bytes({0x10, 0}));
  LimitUdpSize(query, 1232);
  EXPECT_EQ(query.substr(size_at, 2), Bytes({0x04, 0xd0}));
  LimitUdpSize(query, 4096);
  EXPECT_EQ(query.substr(size_at, 2), Bytes({0x04, 0xd0}));
}

TEST(Message, NamesTheSignatureOverTheTypeAsked) {
  EXPECT_EQ(FirstSignature(SignedAnswer(), kTypeA).algorithm, 13);
  EXPECT_EQ(FirstSignature(SignedAnswer(), kTypeA).key_tag, 0x3039);
  EXPECT_EQ(FirstSignature(SignedAnswer(), kTypeAaaa).algorithm, 0);
}

TEST(FitAnswer, AQueryWithoutEdnsGetsNeitherOptNorSignatures) {
  const std::string query = MakeQuery("wWw.zone.example", kTypeA);
  const auto fitted = FitAnswer(SignedAnswer(), query, true);
  ASSERT_TRUE(fitted);
  std::string expected = AsReply(query, 0x81, 0x80);
  expected[7] = 1;
  expected += Bytes({0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 198, 51, 100, 10});
  EXPECT_EQ(*fitted, expected);
}

TEST(FitAnswer, DoKeepsTheSignaturesAndMarksWhatIsValidated) {
  const std::string query = MakeQuery("www.zone.example", kTypeA, true, true);
  const auto fitted = FitAnswer(SignedAnswer(), query, true);
  ASSERT_TRUE(fitted);
  EXPECT_EQ((*fitted)[7], 2);
  EXPECT_EQ((*fitted)[9], 1);
  EXPECT_EQ((*fitted)[11], 1);
  EXPECT_NE((*fitted)[3] & 0x20, 0);
  EXPECT_EQ(FirstSignature(*fitted, kTypeA).key_tag, 0x3039);
  EXPECT_TRUE(EdnsOf(*fitted).dnssec_ok);
  const auto unsigned_answer = FitAnswer(SignedAnswer(), query, false);
  ASSERT_TRUE(unsigned_answer);
  EXPECT_EQ((*unsigned_answer)[3] & 0x20, 0);
}

TEST(FitAnswer, NamesInsideDataAreWrittenOut) {
  std::string answer = AsReply(MakeQuery("alias.zone.example", kTypeA));
  answer += Bytes({0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 44, 0, 6, 3, 'w', 'w', 'w', 0xc0, 18});
  answer[7] = 1;
  const auto fitted = FitAnswer(answer, MakeQuery("alias.zone.example", kTypeA), false);
  ASSERT_TRUE(fitted);
  EXPECT_TRUE(fitted->ends_with(Bytes({0, 18, 3, 'w', 'w', 'w', 4, 'z', 'o', 'n', 'e', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0})));
}

TEST(FitAnswer, RefusesBrokenAnswersAndOtherQuestions) {
  const std::string query = MakeQuery("www.zone.example", kTypeA), answer = SignedAnswer();
  EXPECT_FALSE(FitAnswer(answer, MakeQuery("www.zone.example", kTypeAaaa), true));
  for (std::size_t size = 0; size < answer.size(); ++size) EXPECT_FALSE(FitAnswer(answer.substr(0, size), query, true)) << size;
  std::string loop = AsReply(query);
  loop += Bytes({0xc0, static_cast<int>(query.size()), 0, 1, 0, 1, 0, 0, 0, 0, 0, 0});
  loop[7] = 1;
  EXPECT_FALSE(FitAnswer(loop, query, true)) << "a pointer to itself";
}

}  // namespace
}  // namespace upstream
