// SPDX-License-Identifier: Apache-2.0
// DNS messages as views: a client's question, an upstream's answer. Total; no allocation per message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "gate/dns/name.h"

namespace gate::dns {

inline constexpr std::size_t kHeaderBytes = 12;
inline constexpr std::size_t kMaxMessageBytes = 65535;
inline constexpr std::size_t kMaxForwardedBytes = 1500;  // of a client's message

inline constexpr std::uint16_t kTypeA = 1, kTypeNs = 2, kTypeCname = 5, kTypeSoa = 6, kTypePtr = 12, kTypeMx = 15,
                               kTypeTxt = 16, kTypeAaaa = 28, kTypeSrv = 33, kTypeDname = 39, kTypeOpt = 41,
                               kTypeRrsig = 46, kTypeNsec = 47, kTypeNsec3 = 50, kTypeSvcb = 64, kTypeHttps = 65;
inline constexpr std::uint16_t kClassIn = 1;
inline constexpr std::uint8_t kRcodeNoError = 0, kRcodeServfail = 2, kRcodeNxdomain = 3, kRcodeRefused = 5;
inline constexpr std::uint16_t kFlagQr = 0x8000, kFlagTc = 0x0200, kFlagRd = 0x0100, kFlagRa = 0x0080,
                               kFlagAd = 0x0020, kFlagCd = 0x0010, kMaskOpcode = 0x7800, kMaskRcode = 0x000f;

inline std::uint16_t Read16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
inline std::uint32_t Read32(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(Read16(bytes, at)) << 16 | Read16(bytes, at + 2);
}
inline void Write16(std::uint8_t* to, std::uint16_t value) {
  to[0] = static_cast<std::uint8_t>(value >> 8);
  to[1] = static_cast<std::uint8_t>(value);
}
inline void Write32(std::uint8_t* to, std::uint32_t value) {
  Write16(to, static_cast<std::uint16_t>(value >> 16));
  Write16(to + 2, static_cast<std::uint16_t>(value));
}

// Why a client's bytes are no question that can be judged; the client gets no reply (UDP) or is cut off (TCP).
enum class QuestionFault : std::uint8_t {
  kNone, kTooShort, kTooLarge, kNoQuestion, kSeveralQuestions, kNotAQuery, kUnsupportedOpcode, kUnexpectedRecords,
  kCompressedName, kLabelTooLong, kNameTooLong, kBadLabelByte, kUnsupportedClass
};
const char* ToString(QuestionFault fault);  // "too_short"

// One question of class IN and at most one OPT record. `message` is not owned.
struct Question {
  Bytes message = {};
  std::uint16_t id = 0, flags = 0, type = 0;
  std::uint16_t section_bytes = 0;     // of the question section: name, type, class
  bool edns = false;                   // an OPT record came
  bool dnssec_ok = false;
  bool plain = false;                  // no EDNS option and no byte behind what was parsed: equal questions are alike
  std::uint16_t edns_bytes = 0;        // UDP size offered; 0 without OPT
  std::uint16_t edns_at = 0;           // offset of the OPT record
  std::uint8_t name_size = 0;
  char name_text[kMaxNameText + 1];    // lower case, NUL-terminated

  // Lower case, without trailing dot; empty: the root.
  std::string_view name() const { return {name_text, name_size}; }
  // As sent: name in its own letters, type, class.
  Bytes section() const { return message.subspan(kHeaderBytes, section_bytes); }
};
QuestionFault ParseQuestion(Bytes message, Question* question);

enum class Section : std::uint8_t { kAnswer, kAuthority, kAdditional };

struct Record {
  std::uint32_t start = 0;             // offset of the owner name
  std::uint32_t data = 0;              // offset of the data; type, class, TTL and length are the ten bytes before
  std::uint32_t ttl = 0;               // as sent
  std::uint32_t owner_hash = 0;
  std::uint16_t type = 0, record_class = 0;
  std::uint16_t size = 0;              // of the data
  Section section = Section::kAnswer;
  std::uint32_t end() const { return data + size; }
};

// An answer whose every record lies within the message. Reused: `records` keeps its memory.
struct Answer {
  Bytes message = {};                  // not owned
  std::uint16_t flags = 0;
  std::uint8_t rcode = 0;              // low four bits
  std::uint16_t section_bytes = 0;     // of the question section
  std::uint32_t end = 0;               // of the last record; bytes may follow
  int opt = -1;                        // position of the first OPT record of the additional section
  std::vector<Record> records;

  bool truncated() const { return (flags & kFlagTc) != 0; }
  Bytes section() const { return message.subspan(kHeaderBytes, section_bytes); }
  Bytes data(const Record& record) const { return message.subspan(record.data, record.size); }
};

enum class AnswerFault : std::uint8_t {
  kNone,
  kOtherId,        // and kNotAnAnswer, kOtherQuestion: not ours; the true answer may still come
  kNotAnAnswer,    // QR 0, or an opcode other than QUERY
  kOtherQuestion,
  kOtherCase,      // the question in other letters than it was asked in
  kMalformed,      // also too short for a header
};
// `section` is the question section as it was sent under `id`.
AnswerFault ParseAnswer(Bytes message, std::uint16_t id, Bytes section, Answer* answer);

}  // namespace gate::dns
