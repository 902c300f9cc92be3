// SPDX-License-Identifier: Apache-2.0
// Vectors of what is seen of a network: packets, log attributes, rules and answers.
#include <string>

#include "json/writer.h"
#include "net/flow_log.h"
#include "net/netlink.h"
#include "vectors/kinds.h"
#include "vectors/kinds/network_rules.h"

namespace vectors {
namespace {

std::string BytesIn(const json::Value& record) {
  const json::Value* hex = At(record, {"input", "hex"});
  const auto bytes = hex != nullptr ? base::HexDecode(hex->string()) : std::nullopt;
  return bytes ? std::string(bytes->begin(), bytes->end()) : std::string();
}

// The published form names four protocols and reads ports of two.
std::string PacketJson(const std::optional<net::PacketTuple>& tuple) {
  std::string text;
  json::Writer out(text);
  out.BeginObject();
  const bool transport = tuple && (tuple->protocol == 6 || tuple->protocol == 17);
  const bool named = transport || (tuple && (tuple->protocol == 1 || tuple->protocol == 58));
  const bool ports = transport && tuple->destination_port != 0;
  const auto text_or_null = [&](std::string_view key, bool present, const std::string& value) {
    out.Key(key);
    present ? out.String(value) : out.Raw("null");
  };
  const auto number_or_null = [&](std::string_view key, bool present, std::uint64_t value) {
    out.Key(key);
    present ? out.Uint(value) : out.Raw("null");
  };
  text_or_null("dst_addr", tuple.has_value(), tuple ? base::ToString(tuple->destination) : "");
  number_or_null("dst_port", ports, ports ? tuple->destination_port : 0);
  text_or_null("protocol", named, named ? net::ProtocolName(tuple->protocol) : "");
  number_or_null("protocol_byte", tuple.has_value(), tuple ? tuple->protocol : 0);
  text_or_null("src_addr", tuple.has_value(), tuple ? base::ToString(tuple->source) : "");
  number_or_null("src_port", ports, ports ? tuple->source_port : 0);
  out.EndObject();
  return text;
}

// Bytes outside ASCII as the replacement character.
std::string Shown(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += static_cast<unsigned char>(c) < 0x80 ? std::string(1, c) : "\xef\xbf\xbd";
  return text;
}

std::string LogJson(const std::string& bytes) {
  const auto read = net::ReadLogAttributes(bytes);
  std::string text;
  json::Writer out(text);
  out.BeginObject();
  if (read) {
    out.Key("ok").Bool(true).Key("payload_hex").String(net::HexOf(read->payload));
    out.Key("prefix").String(Shown(read->prefix));
  } else {
    out.Key("error").String("missing_prefix").Key("ok").Bool(false);
  }
  out.EndObject();
  return text;
}

}  // namespace

Outcome JudgeNetworkObservations(const json::Value& record, const Source&) {
  const json::Value* kind = At(record, {"input", "kind"});
  if (kind == nullptr) return Failed("no kind");
  if (kind->string() == "ip_packet") return Compare(record, PacketJson(net::ParsePacket(BytesIn(record))));
  if (kind->string() == "netlink_log_attributes") return Compare(record, LogJson(BytesIn(record)));
  if (kind->string() == "nft_ruleset_json") return JudgeRulesetJson(record);
  if (kind->string() == "nft_rule_text") return JudgeRuleText(record);
  if (kind->string() == "flow_ring_record") return JudgeFlowRing(record);
  if (kind->string() == "dns_rebinding") return JudgeRebinding(record);
  return Skipped("rules are never rewritten as text: what is logged is part of the plan");
}

}  // namespace vectors
