// SPDX-License-Identifier: Apache-2.0
// As much of a DNS message (RFC 1035) as relaying and judging a validated answer needs. Every function is total.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace upstream {

inline constexpr std::size_t kDnsHeaderBytes = 12, kMaxDnsBytes = 65535;
inline constexpr std::uint16_t kTypeA = 1, kTypeCname = 5, kTypeMx = 15, kTypeTxt = 16, kTypeAaaa = 28, kTypeOpt = 41,
                               kTypeDs = 43, kTypeRrsig = 46, kTypeNsec = 47, kTypeDnskey = 48, kTypeNsec3 = 50,
                               kTypeSvcb = 64, kTypeHttps = 65;

struct Question {
  std::string name;         // wire form as sent, with the root's zero byte: no pointer
  std::uint16_t type = 0, klass = 0;
  std::size_t end = 0;      // offset behind it
};
// The only question of a message that has exactly one, with an uncompressed name of at most 255 bytes.
std::optional<Question> QuestionOf(std::string_view message);
// Same name but for ASCII case, same type and class.
bool SameQuestion(const Question& a, const Question& b);
// ASCII lower-case of a wire name: a key to look up by.
std::string FoldedName(std::string_view wire_name);
// Text form with a final dot; every byte other than letters, digits, '-' and '_' as \DDD, so that reading it gives
// the same wire form.
std::string NameText(std::string_view wire_name);

std::uint16_t IdOf(std::string_view message);    // of at least two bytes
void SetId(std::string& message, std::uint16_t id);
bool IsTruncated(std::string_view message);      // TC; of at least three bytes

// Whether `reply` answers a query with this question: QR, same opcode, same question. Ids are the caller's.
bool Answers(const Question& asked, std::string_view query, std::string_view reply);

// What a query says in its OPT record (RFC 6891).
struct Edns {
  bool present = false, dnssec_ok = false;
};
Edns EdnsOf(std::string_view query);
// The UDP size of the OPT record, where there is one, becomes at most `size`.
void LimitUdpSize(std::string& query, std::uint16_t size);

// Algorithm and key tag of the first RRSIG over `type` in the answer section; zeros when there is none.
struct SignatureOf {
  std::uint16_t algorithm = 0, key_tag = 0;
};
SignatureOf FirstSignature(std::string_view message, std::uint16_t type);

// `answer` of a validator as the answer to `query`: its id, RD and CD, its question in its own letter case; without OPT when
// the query has none; without DNSSEC records (RFC 4035 §3.2.1) when it does not say DO; AD only when `validated` and the
// query has AD or DO (RFC 6840 §5.8). nullopt: `answer` is not well-formed or has another question.
std::optional<std::string> FitAnswer(std::string_view answer, std::string_view query, bool validated);

}  // namespace upstream
