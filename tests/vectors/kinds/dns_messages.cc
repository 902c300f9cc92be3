// SPDX-License-Identifier: Apache-2.0
// Vectors of DNS messages: a question, a recorded upstream, and everything that must come of them.
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "gate/dns/decision.h"
#include "gate/grants_fixture.h"
#include "json/writer.h"
#include "vectors/kinds.h"

namespace vectors {
namespace {

using namespace gate::dns;
using wire::GateReason;

struct TypeRow {
  std::string_view name;
  std::uint16_t code;
};
constexpr TypeRow kTypes[] = {{"A", 1},   {"NS", 2},   {"CNAME", 5},  {"PTR", 12},  {"MX", 15},
                              {"TXT", 16}, {"AAAA", 28}, {"SRV", 33}, {"SVCB", 64}, {"HTTPS", 65}};
constexpr std::uint16_t kUpstreamId = 0x5aa5;

// The published form knows no other types.
std::string_view TypeName(std::uint16_t code) {
  for (const TypeRow& row : kTypes) {
    if (row.code == code) return row.name;
  }
  return "A";
}

gate::Grants MakeGrants(const json::Value& record) {
  gate::ConfigFixture config;
  config.header.has_dns_authority = 1;
  for (const json::Value& pattern : At(record, {"input", "hostname_allowlist"})->array()) {
    std::string lower(pattern.string());
    for (char& c : lower) c = static_cast<char>(LowerCase(static_cast<std::uint8_t>(c)));
    config.Ask(lower);
  }
  std::vector<std::string_view> types;
  for (const json::Value& type : At(record, {"input", "allowed_query_types"})->array()) types.push_back(type.string());
  if (types.empty()) types = {"A", "AAAA", "CNAME", "HTTPS"};
  for (const TypeRow& row : kTypes) {
    for (const std::string_view type : types) {
      if (type == row.name) config.header.query_types[config.header.query_type_count++] = row.code;
    }
  }
  return config.Make();
}

// A client, the gate's pure functions and the recorded upstream.
class Exchange {
 public:
  explicit Exchange(const json::Value& record)
      : grants_(MakeGrants(record)), upstream_(HexAt(record, {"input", "upstream_answer_hex"})) {}

  // What the client gets; empty: nothing.
  base::Bytes Ask(base::ByteSpan message, ClientTransport transport) {
    ++total;
    const Decision decision = Decide(message, transport, grants_, &question);
    fault = decision.fault;
    reason = decision.reason;
    if (decision.action == Action::kDrop) {
      NoteMalformed();
      return {};
    }
    if (decision.action == Action::kRefuse && reason != GateReason::kUpstreamFailure) return Refuse(decision);
    Event("dns.v1.query_permitted").Member("queryName", question.name()).Member("queryType", TypeName(question.type))
        .Member("resolver", "res-v");
    End();
    if (decision.action == Action::kRefuse) return Deny(decision.rule);
    return Forward(transport);
  }

  void NoteMalformed() {
    reason = GateReason::kMalformedQuery;
    ++malformed;
    Query("deny", "(unknown)", "A");
    End();
  }

  Question question;
  QuestionFault fault = QuestionFault::kNone;
  GateReason reason = GateReason::kNone;
  std::optional<std::uint8_t> rcode;
  std::vector<std::string> forwarded;
  std::uint64_t total = 0, allowed = 0, denied = 0, malformed = 0, failures = 0;
  std::string events;

 private:
  base::Bytes Refuse(const Decision& decision) {
    ++denied;
    base::Bytes reply = Denial(decision.rule);
    const std::string_view name = question.name().empty() ? "(unknown)" : question.name();
    Query("deny", name, TypeName(question.type)).Member("responseRcode", std::uint64_t{*rcode})
        .Member("responseTargetCount", std::uint64_t{0});
    End();
    Event("dns.v1.query_refused").Member("queryName", question.name()).Member("queryType", TypeName(question.type))
        .Member("reason", wire::ReasonText(decision.reason));
    End();
    return reply;
  }

  base::Bytes Deny(wire::RuleRef rule) {
    reason = GateReason::kUpstreamFailure;
    ++failures;
    base::Bytes reply = Denial(rule);
    Answered("deny", 0);
    return reply;
  }

  base::Bytes Forward(ClientTransport transport) {
    std::array<std::uint8_t, kMaxForwardBytes> sent;
    const std::size_t size = WriteForward(question, {.id = kUpstreamId}, sent);
    const wire::RuleRef resolver{wire::RuleKind::kResolver};
    std::string shown = base::HexEncode(Bytes(sent).first(size));
    forwarded.push_back(base::HexEncode(question.message.first(2)) + shown.substr(4));  // ours asks under its own id
    if (!upstream_) return Deny(resolver);
    base::Bytes recorded = *upstream_;
    if (recorded.size() >= 2) {
      Write16(recorded.data(), Read16(recorded, 0) == question.id ? kUpstreamId : std::uint16_t{kUpstreamId + 1});
    }
    Answer answer;
    const Bytes section = Bytes(sent).subspan(kHeaderBytes, question.section_bytes);
    if (ParseAnswer(recorded, kUpstreamId, section, &answer) != AnswerFault::kNone) return Deny(resolver);
    Judgement judgement;
    JudgeAnswer(answer, question, GrantsPolicy(grants_), &judgement);
    base::Bytes reply;
    const std::optional<Relayed> relayed = RelayAnswer(answer, question, judgement, {}, &reply);
    if (!relayed) return Deny(resolver);
    if (transport == ClientTransport::kUdp) reply.resize(CutForUdp(reply, UdpLimit(question)));
    const bool allow = !relayed->refusal.refused();
    if (!allow) reason = relayed->refusal.reason;
    rcode = relayed->rcode;
    ++(allow ? allowed : denied);
    Answered(allow ? "allow" : "deny", relayed->targets);
    return reply;
  }

  base::Bytes Denial(wire::RuleRef rule) {
    std::array<std::uint8_t, kMaxReplyBytes> out;
    const std::size_t size = WriteDenial(question, reason, rule, out);
    rcode = RcodeOf(reason);
    return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
  }

  void Answered(std::string_view decision, std::uint64_t targets) {
    Query(decision, question.name(), TypeName(question.type)).Member("responseRcode", std::uint64_t{*rcode})
        .Member("responseTargetCount", targets).Member("upstreamResolverId", "res-v");
    End();
  }

  json::Writer& Query(std::string_view decision, std::string_view name, std::string_view type) {
    return Event("observability.v1.dns_query").Member("decision", decision).Member("queryName", name)
        .Member("queryType", type).Member("reasonCode", wire::ReasonText(reason));
  }
  // Opens {"type":…,"data":{ for the caller's members; End closes both.
  json::Writer& Event(std::string_view type) {
    if (!events.empty()) events += ',';
    writer_.emplace(events);
    writer_->BeginObject().Member("type", "dev.cellos.events.cell." + std::string(type)).Key("data");
    return writer_->BeginObject();
  }
  void End() { writer_->EndObject().EndObject(); }

  gate::Grants grants_;
  std::optional<base::Bytes> upstream_;
  std::optional<json::Writer> writer_;
};

void Common(const Exchange& exchange, json::Writer& writer) {
  writer.Key("events").Raw("[" + exchange.events + "]");
  writer.Key("counters").BeginObject().Member("allowed", exchange.allowed).Member("denied", exchange.denied)
      .Member("malformed", exchange.malformed).Member("total", exchange.total)
      .Member("upstream_failures", exchange.failures).EndObject();
}

// "" where `ours` says so, null where the record does.
void HexOrNothing(const json::Value& record, std::string_view name, const std::string& hex, json::Writer& writer) {
  const json::Value* expected = Expected(record, name);
  const bool text = !hex.empty() || (expected != nullptr && expected->is_string());
  writer.Key(name);
  text ? writer.String(hex) : writer.Null();
}

void Parsed(const json::Value& record, const Exchange& exchange, json::Writer& writer) {
  const Question& question = exchange.question;
  writer.Key("parse").BeginObject().Member("ok", exchange.fault == QuestionFault::kNone);
  if (exchange.fault != QuestionFault::kNone) {
    writer.Member("error", ToString(exchange.fault));
  } else {
    writer.Key("query").BeginObject().Member("flags", std::uint64_t{question.flags})
        .Member("id", std::uint64_t{question.id}).Member("name", question.name())
        .Member("qclass", std::uint64_t{kClassIn}).Member("qtype", std::uint64_t{question.type}).EndObject();
  }
  writer.EndObject();
  // A parser of several questions belongs to no contract; there is none here to compare.
  if (const json::Value* several = Expected(record, "parse_multi")) writer.Key("parse_multi").Raw(ToText(*several));
}

std::string JudgeDatagram(const json::Value& record, base::ByteSpan query) {
  Exchange exchange(record);
  const std::string reply = base::HexEncode(exchange.Ask(query, ClientTransport::kUdp));
  std::string actual;
  json::Writer writer(actual);
  writer.BeginObject();
  Parsed(record, exchange, writer);
  writer.Member("decision", wire::IsAllow(exchange.reason) ? "allow" : "deny");
  writer.Member("reason", wire::ReasonText(exchange.reason));
  if (exchange.rcode) writer.Member("rcode", std::uint64_t{*exchange.rcode});
  HexOrNothing(record, "response_hex", reply, writer);
  HexOrNothing(record, "forwarded_hex", exchange.forwarded.empty() ? "" : exchange.forwarded[0], writer);
  Common(exchange, writer);
  writer.EndObject();
  return actual;
}

// Frames as the proxy takes them: a frame of no bytes or of bytes that are no question ends the connection.
std::string JudgeStream(const json::Value& record, base::ByteSpan stream) {
  Exchange exchange(record);
  base::Bytes sent;
  while (stream.size() >= 2) {
    const std::size_t size = Read16(stream, 0);
    if (size == 0) exchange.NoteMalformed();
    if (size == 0 || stream.size() < 2 + size) break;
    const base::Bytes reply = exchange.Ask(stream.subspan(2, size), ClientTransport::kTcp);
    if (reply.empty()) break;
    sent.push_back(static_cast<std::uint8_t>(reply.size() >> 8));
    sent.push_back(static_cast<std::uint8_t>(reply.size()));
    sent.insert(sent.end(), reply.begin(), reply.end());
    stream = stream.subspan(2 + size);
  }
  std::string actual;
  json::Writer writer(actual);
  writer.BeginObject().Member("stream_hex", base::HexEncode(sent)).Key("forwarded_hex").BeginArray();
  for (const std::string& message : exchange.forwarded) writer.String(message);
  writer.EndArray();
  Common(exchange, writer);
  writer.EndObject();
  return actual;
}

}  // namespace

Outcome JudgeDnsMessages(const json::Value& record, const Source&) {
  const json::Value* names = At(record, {"input", "hostname_allowlist"});
  const json::Value* types = At(record, {"input", "allowed_query_types"});
  if (names == nullptr || !names->is_array() || types == nullptr || !types->is_array()) return Failed("no tables");
  for (const json::Value* list : {names, types}) {
    for (const json::Value& entry : list->array()) {
      if (!entry.is_string() || entry.string().size() > 255) return Failed("an entry of a table is no short text");
    }
  }
  if (const auto query = HexAt(record, {"input", "query_hex"})) return Compare(record, JudgeDatagram(record, *query));
  if (const auto stream = HexAt(record, {"input", "stream_hex"})) return Compare(record, JudgeStream(record, *stream));
  return Failed("no input.query_hex or input.stream_hex");
}

}  // namespace vectors
