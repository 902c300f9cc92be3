// SPDX-License-Identifier: Apache-2.0
#include "dns_stub.h"

#include <algorithm>
#include <sstream>

namespace outside {
namespace {

constexpr unsigned kResponse = 0x8000, kTruncated = 0x0200, kRecursionDesired = 0x0100, kRecursionAvailable = 0x0080;
constexpr int kMostLinks = 20;

std::string Header(const DnsQuestion& question, unsigned flags, unsigned answers, unsigned additional = 0) {
  if (question.recursion) flags |= kRecursionDesired;
  return question.id + Big16(flags | kResponse | kRecursionAvailable) + Big16(1) + Big16(answers) + Big16(0) +
         Big16(additional) + question.wire;
}

std::string RecordBytes(const std::string& owner, std::uint16_t type, std::uint32_t ttl, const std::string& data) {
  return owner + Big16(type) + Big16(1) + Big32(ttl) + Big16(static_cast<unsigned>(data.size())) + data;
}

const std::string kQuestionName = "\xc0\x0c";

}  // namespace

std::string DnsStub::Add(std::string_view table) {
  const std::lock_guard lock(mutex_);
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line);
    std::string name, kind;
    if (!(in >> name) || name.starts_with('#')) continue;
    in >> kind;
    std::string rest;
    if (kind.starts_with('!')) {
      std::getline(in >> std::ws, rest);
      behaviours_[Lower(name)] = {kind.substr(1), rest};
      continue;
    }
    Record record;
    in >> record.ttl;
    std::getline(in >> std::ws, rest);
    if (const auto at = rest.rfind(" @"); at != rest.npos) {
      record.from = static_cast<unsigned>(std::stoul(rest.substr(at + 2)));
      if (!rest.ends_with('+')) record.to = record.from;
      rest.resize(at);
    }
    const auto type = DnsType(kind);
    const auto data = type ? DnsData(*type, rest) : std::nullopt;
    if (!data) return "no record: " + line;
    record.type = *type;
    record.data = *data;
    if (record.type == 5) record.target = Lower(rest);
    records_[Lower(name)].push_back(record);
  }
  return {};
}

void DnsStub::Clear() {
  Forget();
  const std::lock_guard lock(mutex_);
  records_.clear();
  behaviours_.clear();
}

void DnsStub::Forget() {
  const std::lock_guard lock(mutex_);
  log_.clear();
  turns_.clear();
}

std::vector<const DnsStub::Record*> DnsStub::Find(const std::string& name, std::uint16_t type, unsigned turn,
                                                  bool* exists) const {
  auto found = records_.find(name);
  for (std::size_t dot = 0; found == records_.end() && (dot = name.find('.', dot)) != name.npos; ++dot)
    found = records_.find("*" + name.substr(dot));
  std::vector<const Record*> records;
  if (found == records_.end()) return records;
  *exists = true;
  for (const Record& record : found->second) {
    if ((record.type == type || record.type == 5) && turn >= record.from && turn <= record.to)
      records.push_back(&record);
  }
  return records;
}

std::string DnsStub::Whole(const DnsQuestion& question, unsigned turn) const {
  std::string answers, owner = kQuestionName, name = Lower(question.name);
  unsigned count = 0;
  bool exists = false;
  for (int link = 0; link < kMostLinks; ++link) {
    std::string next;
    for (const Record* record : Find(name, question.type, turn, &exists)) {
      answers += RecordBytes(owner, record->type, record->ttl, record->data);
      ++count;
      if (record->type == 5 && question.type != 5) next = record->target;
    }
    if (next.empty()) break;
    name = next;
    owner = DnsName(next);
  }
  return Header(question, exists ? 0 : 3, count) + answers;
}

std::string DnsStub::WithOpt(const DnsQuestion& question, std::string reply) const {
  if (!question.edns) return reply;
  reply[11] = static_cast<char>(reply[11] + 1);
  return reply + std::string("\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
}

std::vector<DnsReply> DnsStub::Misbehave(const Behaviour& behaviour, const DnsQuestion& question, std::string right,
                                         bool tcp) const {
  const std::string& what = behaviour.what;
  const DnsReply good{.message = right};
  std::istringstream arguments(behaviour.argument);
  DnsQuestion other = question;
  if (what == "wrong-id" || what == "forge") {
    int count = 1;
    arguments >> count;
    std::vector<DnsReply> replies;
    for (int i = 1; i <= count; ++i) {
      std::string forged = right;
      forged[0] = static_cast<char>(forged[0] ^ i);
      replies.push_back({.message = forged});
    }
    if (what == "forge" || tcp) replies.push_back(good);
    return replies;
  }
  if (what == "wrong-port" && !tcp) return {{.message = right, .from = DnsReply::From::kOtherPort}};
  if (what == "wrong-source" && !tcp) return {{.message = right, .from = DnsReply::From::kOtherAddress}};
  if (what == "wrong-question" && !tcp) {
    other.wire = DnsName("other.test") + question.wire.substr(question.wire.size() - 4);
    return {{.message = Header(other, 0, 1) + RecordBytes(kQuestionName, 1, 60, "\x01\x01\x01\x01")}};
  }
  if (what == "upper-case" && !tcp) {
    for (std::size_t i = 12; i + 4 < 12 + question.wire.size(); ++i)
      right[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(right[i])));
    return {{.message = right}};
  }
  if (what == "truncate" && !tcp) return {{.message = Header(question, kTruncated, 0)}};
  if (what == "silent") return {};
  if (what == "delay") {
    int milliseconds = 0;
    arguments >> milliseconds;
    return {{.message = right, .delay_ms = milliseconds}};
  }
  if (what == "garbage") return {{.message = question.id + "garbage"}};
  if (what == "qr-zero") {
    right[2] = static_cast<char>(right[2] & 0x7f);
    return {{.message = right}};
  }
  if (what == "servfail") return {{.message = Header(question, 2, 0)}};
  if (what == "extra") {
    std::string owner, address;
    arguments >> owner >> address;
    const std::string record = RecordBytes(DnsName(owner), 1, 300, *DnsData(1, address));
    right[7] = static_cast<char>(right[7] + 1);    // one answer more, of another owner
    right[11] = static_cast<char>(right[11] + 1);  // and the same as additional
    return {{.message = right + record + record}};
  }
  if (what == "pointer-loop") {
    const std::string self = Big16(0xc000u | static_cast<unsigned>(12 + question.wire.size()));
    return {{.message = Header(question, 0, 1) + RecordBytes(self, 1, 60, "\x01\x01\x01\x01")}};
  }
  if (what == "long-rdlength") {
    std::string record = RecordBytes(kQuestionName, 1, 60, "\x01\x01\x01\x01");
    record[10] = '\x7f';
    return {{.message = Header(question, 0, 1) + record}};
  }
  return {good};
}

std::vector<DnsReply> DnsStub::Answer(std::string_view message, const std::string& server, bool tcp) {
  const auto question = ReadQuestion(message);
  const std::lock_guard lock(mutex_);
  if (!question) {
    log_.push_back({.server = server, .tcp = tcp, .name = "(malformed)"});
    return {};
  }
  log_.push_back({.server = server, .tcp = tcp, .name = question->name, .type = question->type});
  const std::string name = Lower(question->name);
  const unsigned turn = ++turns_[{name, question->type}];
  std::string right = Whole(*question, turn);
  if (!tcp && right.size() > std::max<std::size_t>(question->udp_size, 512)) right = Header(*question, kTruncated, 0);
  const auto behaviour = behaviours_.find(name);
  if (behaviour == behaviours_.end()) return {{.message = WithOpt(*question, std::move(right))}};
  return Misbehave(behaviour->second, *question, std::move(right), tcp);
}

std::vector<DnsAsked> DnsStub::Log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

}  // namespace outside
