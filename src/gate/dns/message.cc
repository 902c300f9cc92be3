// SPDX-License-Identifier: Apache-2.0
// Walks the two kinds of message from their first byte to their last counted one.
#include "gate/dns/message.h"

#include <algorithm>

namespace gate::dns {
namespace {

constexpr std::size_t kFixedBytes = 10;  // type, class, TTL, length of a record

struct Counts {
  std::uint16_t question, answer, authority, additional;
};
Counts CountsOf(Bytes message) {
  return {Read16(message, 4), Read16(message, 6), Read16(message, 8), Read16(message, 10)};
}

QuestionFault ReadQuestionName(Bytes message, Question* question, std::size_t* at) {
  std::size_t size = 0;
  for (;;) {
    if (*at >= message.size()) return QuestionFault::kTooShort;
    const std::size_t length = message[*at];
    if ((length & 0xc0) == 0xc0) return QuestionFault::kCompressedName;
    if (length > 63) return QuestionFault::kLabelTooLong;
    ++*at;
    if (length == 0) break;
    if (*at + length > message.size()) return QuestionFault::kTooShort;
    const std::size_t dot = size == 0 ? 0 : 1;
    if (size + dot + length > kMaxNameText) return QuestionFault::kNameTooLong;
    if (dot != 0) question->name_text[size++] = '.';
    for (const std::uint8_t byte : message.subspan(*at, length)) {
      if (byte < 0x20 || byte > 0x7e || byte == '.' || byte == '\\') return QuestionFault::kBadLabelByte;
      question->name_text[size++] = static_cast<char>(LowerCase(byte));
    }
    *at += length;
  }
  question->name_text[size] = '\0';
  question->name_size = static_cast<std::uint8_t>(size);
  return QuestionFault::kNone;
}

// The one OPT record that a question may carry, at `*at`.
bool ReadOpt(Bytes message, Question* question, std::size_t* at) {
  if (*at + 1 + kFixedBytes > message.size() || message[*at] != 0 || Read16(message, *at + 1) != kTypeOpt) return false;
  const std::size_t options = Read16(message, *at + 9);
  if (*at + 1 + kFixedBytes + options > message.size()) return false;
  question->edns = true;
  question->edns_at = static_cast<std::uint16_t>(*at);
  question->edns_bytes = Read16(message, *at + 3);
  question->dnssec_ok = (message[*at + 7] & 0x80) != 0;
  question->plain = options == 0;
  *at += 1 + kFixedBytes + options;
  return true;
}

// Names that decide where a chain leads are read when it is followed; here they must be readable.
bool DataReadable(Bytes message, const Record& record) {
  if (record.record_class != kClassIn || (record.type != kTypeCname && record.type != kTypeDname)) return true;
  return SkipName(message.first(record.end()), record.data) == record.end();
}

bool ReadRecord(Bytes message, std::uint32_t question_hash, std::size_t* at, Record* record) {
  record->start = static_cast<std::uint32_t>(*at);
  std::size_t fixed = 0;
  if (*at + 2 <= message.size() && Read16(message, *at) == (0xc000u | kHeaderBytes)) {  // nearly every owner
    fixed = *at + 2;
    record->owner_hash = question_hash;
  } else {
    Name owner;
    fixed = ReadName(message, *at, &owner);
    if (fixed == 0) return false;
    record->owner_hash = HashName(owner);
  }
  if (fixed + kFixedBytes > message.size()) return false;
  record->type = Read16(message, fixed);
  record->record_class = Read16(message, fixed + 2);
  record->ttl = Read32(message, fixed + 4);
  record->size = Read16(message, fixed + 8);
  record->data = static_cast<std::uint32_t>(fixed + kFixedBytes);
  if (record->end() > message.size() || !DataReadable(message, *record)) return false;
  *at = record->end();
  return true;
}

bool NoteOpt(Answer* answer, const Record& record) {
  if (record.type != kTypeOpt) return true;
  if (record.section != Section::kAdditional || answer->opt >= 0 || answer->message[record.start] != 0) return false;
  answer->opt = static_cast<int>(answer->records.size());
  return true;
}

AnswerFault CompareQuestion(Bytes message, Bytes section) {
  if (message.size() < kHeaderBytes + section.size()) return AnswerFault::kMalformed;
  const Bytes found = message.subspan(kHeaderBytes, section.size());
  if (std::ranges::equal(found, section)) return AnswerFault::kNone;
  // Length bytes are below 64, so folding letters changes none of them into another.
  const std::size_t name = section.size() - 4;
  const bool same = std::ranges::equal(found.first(name), section.first(name), {}, LowerCase, LowerCase) &&
                    std::ranges::equal(found.subspan(name), section.subspan(name));
  return same ? AnswerFault::kOtherCase : AnswerFault::kOtherQuestion;
}

}  // namespace

const char* ToString(QuestionFault fault) {
  static constexpr const char* kTexts[] = {
      "none",           "too_short",       "too_large",           "no_question",        "several_questions",
      "not_a_query",    "unsupported_opcode", "unexpected_records", "compressed_name",  "label_too_long",
      "name_too_long",  "bad_label_byte",  "unsupported_class"};
  return kTexts[static_cast<std::size_t>(fault)];
}

QuestionFault ParseQuestion(Bytes message, Question* question) {
  question->message = message;
  question->edns = question->dnssec_ok = question->plain = false;
  question->edns_bytes = question->edns_at = 0;
  question->name_size = 0;
  question->name_text[0] = '\0';
  if (message.size() < kHeaderBytes) return QuestionFault::kTooShort;
  if (message.size() > kMaxMessageBytes) return QuestionFault::kTooLarge;
  const Counts counts = CountsOf(message);
  if (counts.question == 0) return QuestionFault::kNoQuestion;
  if (counts.question != 1) return QuestionFault::kSeveralQuestions;
  question->id = Read16(message, 0);
  question->flags = Read16(message, 2);
  if ((question->flags & kFlagQr) != 0) return QuestionFault::kNotAQuery;
  if ((question->flags & kMaskOpcode) != 0) return QuestionFault::kUnsupportedOpcode;
  if (counts.answer != 0 || counts.authority != 0 || counts.additional > 1) return QuestionFault::kUnexpectedRecords;

  std::size_t at = kHeaderBytes;
  const QuestionFault fault = ReadQuestionName(message, question, &at);
  if (fault != QuestionFault::kNone) return fault;
  if (at + 4 > message.size()) return QuestionFault::kTooShort;
  question->type = Read16(message, at);
  if (Read16(message, at + 2) != kClassIn) return QuestionFault::kUnsupportedClass;
  at += 4;
  question->section_bytes = static_cast<std::uint16_t>(at - kHeaderBytes);
  question->plain = true;
  if (counts.additional == 1 && !ReadOpt(message, question, &at)) return QuestionFault::kUnexpectedRecords;
  if (at != message.size()) question->plain = false;
  return QuestionFault::kNone;
}

AnswerFault ParseAnswer(Bytes message, std::uint16_t id, Bytes section, Answer* answer) {
  answer->message = message;
  answer->records.clear();
  answer->opt = -1;
  if (message.size() < kHeaderBytes || message.size() > kMaxMessageBytes) return AnswerFault::kMalformed;
  if (Read16(message, 0) != id) return AnswerFault::kOtherId;
  answer->flags = Read16(message, 2);
  answer->rcode = static_cast<std::uint8_t>(answer->flags & kMaskRcode);
  if ((answer->flags & kFlagQr) == 0 || (answer->flags & kMaskOpcode) != 0) return AnswerFault::kNotAnAnswer;
  const Counts counts = CountsOf(message);
  if (counts.question != 1 || section.size() < 5) return AnswerFault::kOtherQuestion;
  if (const AnswerFault fault = CompareQuestion(message, section); fault != AnswerFault::kNone) return fault;
  answer->section_bytes = static_cast<std::uint16_t>(section.size());

  Name asked;
  if (ReadName(message, kHeaderBytes, &asked) != kHeaderBytes + section.size() - 4) return AnswerFault::kMalformed;
  const std::uint32_t question_hash = HashName(asked);
  const std::uint32_t answers_end = counts.answer, authority_end = answers_end + counts.authority,
                      all = authority_end + counts.additional;
  std::size_t at = kHeaderBytes + section.size();
  for (std::uint32_t i = 0; i < all; ++i) {
    Record record;
    record.section = i < answers_end     ? Section::kAnswer
                     : i < authority_end ? Section::kAuthority
                                         : Section::kAdditional;
    if (!ReadRecord(message, question_hash, &at, &record) || !NoteOpt(answer, record)) return AnswerFault::kMalformed;
    answer->records.push_back(record);
  }
  answer->end = static_cast<std::uint32_t>(at);
  return AnswerFault::kNone;
}

}  // namespace gate::dns
