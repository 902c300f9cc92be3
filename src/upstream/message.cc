// SPDX-License-Identifier: Apache-2.0
// Reads and rewrites DNS messages; nothing here looks outside the bytes it is given.
#include "upstream/message.h"

#include <cstdio>

namespace upstream {
namespace {

constexpr std::uint16_t kQr = 0x8000, kOpcode = 0x7800, kTc = 0x0200, kRd = 0x0100, kRa = 0x0080, kAd = 0x0020,
                        kCd = 0x0010;
constexpr std::size_t kMaxName = 255;
constexpr int kMaxPointers = 64;

std::uint8_t ByteAt(std::string_view text, std::size_t at) { return static_cast<std::uint8_t>(text[at]); }
std::uint16_t U16At(std::string_view text, std::size_t at) {
  return static_cast<std::uint16_t>(ByteAt(text, at) << 8 | ByteAt(text, at + 1));
}
void Put16(std::string& text, std::size_t at, std::uint16_t value) {
  text[at] = static_cast<char>(value >> 8);
  text[at + 1] = static_cast<char>(value);
}
void Add16(std::string& text, std::size_t value) {
  text += static_cast<char>(value >> 8);
  text += static_cast<char>(value);
}
char Fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Reads the name at `*at`, following pointers (backwards only), and moves `*at` behind it.
std::optional<std::string> ReadName(std::string_view message, std::size_t* at) {
  std::string name;
  std::size_t position = *at;
  bool jumped = false;
  for (int pointers = 0;;) {
    if (position >= message.size()) return std::nullopt;
    const std::uint8_t length = ByteAt(message, position);
    if ((length & 0xc0) == 0xc0) {
      if (position + 2 > message.size() || ++pointers > kMaxPointers) return std::nullopt;
      const std::size_t target = U16At(message, position) & 0x3fff;
      if (target >= position) return std::nullopt;
      if (!jumped) *at = position + 2;
      jumped = true;
      position = target;
      continue;
    }
    if (length > 63 || position + 1 + length > message.size() || name.size() + 1 + length > kMaxName) return std::nullopt;
    name.append(message.substr(position, 1 + length));
    position += 1 + length;
    if (length == 0) break;
  }
  if (!jumped) *at = position;
  return name;
}

struct Record {
  int section = 0;  // 1 answer, 2 authority, 3 additional
  std::string owner;
  std::size_t start = 0, fixed = 0, data = 0, end = 0;  // fixed: offset of the type
  std::uint16_t type = 0, klass = 0;
};

// The records of a message with one question, in order.
class Records {
 public:
  Records(std::string_view message, std::size_t behind_question) : message_(message), at_(behind_question) {
    for (int section = 1; section <= 3; ++section) left_[section] = U16At(message, 4 + 2 * section);
  }
  // False at the end and when the bytes don't hold what the header promises; then failed() is true.
  bool Next(Record* record) {
    while (section_ <= 3 && left_[section_] == 0) ++section_;
    if (section_ > 3) return false;
    --left_[section_];
    failed_ = true;
    record->section = section_;
    record->start = at_;
    std::optional<std::string> owner = ReadName(message_, &at_);
    if (!owner || at_ + 10 > message_.size()) return false;
    record->owner = std::move(*owner);
    record->fixed = at_;
    record->type = U16At(message_, at_);
    record->klass = U16At(message_, at_ + 2);
    record->data = at_ + 10;
    record->end = record->data + U16At(message_, at_ + 8);
    if (record->end > message_.size()) return false;
    at_ = record->end;
    failed_ = false;
    return true;
  }
  bool failed() const { return failed_; }

 private:
  std::string_view message_;
  std::size_t at_;
  int section_ = 1;
  std::uint16_t left_[4] = {};
  bool failed_ = false;
};

std::optional<Record> OptRecord(std::string_view query) {
  const std::optional<Question> question = QuestionOf(query);
  if (!question) return std::nullopt;
  Records records(query, question->end);
  for (Record record; records.Next(&record);) {
    if (record.section == 3 && record.type == kTypeOpt) return record;
  }
  return std::nullopt;
}

// How many names stand in the data of the types whose names may be compressed, and behind how many bytes.
struct NamesInData {
  std::size_t skip = 0;
  int names = 0;
};
NamesInData NamesOf(std::uint16_t type) {
  switch (type) {
    case 2: case 3: case 4: case 5: case 7: case 8: case 9: case 12: return {0, 1};
    case 6: case 14: return {0, 2};
    case 15: return {2, 1};
    default: return {};
  }
}

// The data of a record without pointers.
std::optional<std::string> PlainData(std::string_view message, const Record& record) {
  const NamesInData form = NamesOf(record.type);
  std::size_t at = record.data + form.skip;
  if (at > record.end) return std::nullopt;
  std::string data(message.substr(record.data, form.skip));
  for (int i = 0; i < form.names; ++i) {
    const std::optional<std::string> name = ReadName(message, &at);
    if (!name || at > record.end) return std::nullopt;
    data += *name;
  }
  data.append(message.substr(at, record.end - at));
  return data;
}

bool IsDnssecType(std::uint16_t type) { return type == kTypeRrsig || type == kTypeNsec || type == kTypeNsec3; }

}  // namespace

std::optional<Question> QuestionOf(std::string_view message) {
  if (message.size() < kDnsHeaderBytes || message.size() > kMaxDnsBytes || U16At(message, 4) != 1) return std::nullopt;
  Question question;
  std::size_t at = kDnsHeaderBytes;
  for (;;) {
    if (at >= message.size()) return std::nullopt;
    const std::uint8_t length = ByteAt(message, at);
    if (length > 63 || at + 1 + length > message.size()) return std::nullopt;
    question.name.append(message.substr(at, 1 + length));
    if (question.name.size() > kMaxName) return std::nullopt;
    at += 1 + length;
    if (length == 0) break;
  }
  if (at + 4 > message.size()) return std::nullopt;
  question.type = U16At(message, at);
  question.klass = U16At(message, at + 2);
  question.end = at + 4;
  return question;
}

bool SameQuestion(const Question& a, const Question& b) {
  return a.type == b.type && a.klass == b.klass && FoldedName(a.name) == FoldedName(b.name);
}

std::string FoldedName(std::string_view wire_name) {
  std::string folded(wire_name);
  for (char& c : folded) c = Fold(c);  // a length byte is at most 63, below the letters
  return folded;
}

std::string NameText(std::string_view wire_name) {
  std::string text;
  for (std::size_t at = 0; at < wire_name.size() && wire_name[at] != 0;) {
    const std::size_t length = ByteAt(wire_name, at++);
    for (const char c : wire_name.substr(at, length)) {
      const char low = Fold(c);
      if ((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') {
        text += c;
      } else {
        char escaped[5];
        std::snprintf(escaped, sizeof(escaped), "\\%03u", static_cast<unsigned>(static_cast<std::uint8_t>(c)));
        text += escaped;
      }
    }
    text += '.';
    at += length;
    if (at > wire_name.size()) break;
  }
  return text.empty() ? "." : text;
}

std::uint16_t IdOf(std::string_view message) { return U16At(message, 0); }
void SetId(std::string& message, std::uint16_t id) { Put16(message, 0, id); }
bool IsTruncated(std::string_view message) { return (U16At(message, 2) & kTc) != 0; }

bool Answers(const Question& asked, std::string_view query, std::string_view reply) {
  const std::optional<Question> answered = QuestionOf(reply);
  return answered && query.size() >= kDnsHeaderBytes && (U16At(reply, 2) & kQr) != 0 &&
         (U16At(reply, 2) & kOpcode) == (U16At(query, 2) & kOpcode) && SameQuestion(asked, *answered);
}

Edns EdnsOf(std::string_view query) {
  const std::optional<Record> opt = OptRecord(query);
  if (!opt) return {};
  return {.present = true, .dnssec_ok = (U16At(query, opt->fixed + 6) & 0x8000) != 0};
}

void LimitUdpSize(std::string& query, std::uint16_t size) {
  const std::optional<Record> opt = OptRecord(query);
  if (opt && opt->klass > size) Put16(query, opt->fixed + 2, size);
}

SignatureOf FirstSignature(std::string_view message, std::uint16_t type) {
  const std::optional<Question> question = QuestionOf(message);
  if (!question) return {};
  Records records(message, question->end);
  for (Record record; records.Next(&record);) {
    if (record.section != 1) break;
    if (record.type != kTypeRrsig || record.end - record.data < 18 || U16At(message, record.data) != type) continue;
    return {.algorithm = ByteAt(message, record.data + 2), .key_tag = U16At(message, record.data + 16)};
  }
  return {};
}

std::optional<std::string> FitAnswer(std::string_view answer, std::string_view query, bool validated) {
  const std::optional<Question> asked = QuestionOf(query), answered = QuestionOf(answer);
  if (!asked || !answered || !SameQuestion(*asked, *answered)) return std::nullopt;
  const Edns edns = EdnsOf(query);
  const std::uint16_t query_flags = U16At(query, 2);
  std::uint16_t flags = (U16At(answer, 2) & 0x000f) | (U16At(answer, 2) & kOpcode) | kQr | kRa;
  flags |= query_flags & (kRd | kCd);
  if (validated && ((query_flags & kAd) != 0 || edns.dnssec_ok)) flags |= kAd;

  std::string fitted(query.substr(0, asked->end));
  Put16(fitted, 2, flags);
  std::uint16_t counts[4] = {};
  const std::string question_name = FoldedName(asked->name);
  Records records(answer, answered->end);
  for (Record record; records.Next(&record);) {
    if (record.type == kTypeOpt && !edns.present) continue;
    if (IsDnssecType(record.type) && !edns.dnssec_ok && record.type != asked->type) continue;
    const std::optional<std::string> data = PlainData(answer, record);
    if (!data) return std::nullopt;
    if (FoldedName(record.owner) == question_name && record.owner.size() > 1) {
      Add16(fitted, 0xc000 | kDnsHeaderBytes);
    } else {
      fitted += record.owner;
    }
    const std::size_t fixed = fitted.size();
    fitted.append(answer.substr(record.fixed, 8));
    if (record.type == kTypeOpt) {
      Put16(fitted, fixed + 2, 1232);
      Put16(fitted, fixed + 6, edns.dnssec_ok ? 0x8000 : 0);
    }
    Add16(fitted, data->size());
    fitted += *data;
    ++counts[record.section];
    if (fitted.size() > kMaxDnsBytes) return std::nullopt;
  }
  if (records.failed()) return std::nullopt;
  for (int section = 1; section <= 3; ++section) Put16(fitted, 4 + 2 * section, counts[section]);
  return fitted;
}

}  // namespace upstream
