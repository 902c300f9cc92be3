// SPDX-License-Identifier: Apache-2.0
// Expressions of nf_tables as text.
#include "net/rule_text.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/encoding.h"
#include "base/ip_address.h"
#include "net/netlink.h"

namespace net {
namespace {

// What decides in each expression. One that isn't here is shown by its name and all its bytes.
struct Known {
  std::string_view name;
  std::uint16_t attributes[6];  // 0 ends
  std::uint16_t mode = 0;       // the kernel always tells it; decides when it is not 0
};
constexpr Known kKnown[] = {
    {"meta", {NFTA_META_DREG, NFTA_META_KEY, NFTA_META_SREG}},
    {"payload", {NFTA_PAYLOAD_DREG, NFTA_PAYLOAD_BASE, NFTA_PAYLOAD_OFFSET, NFTA_PAYLOAD_LEN}},
    {"exthdr", {NFTA_EXTHDR_DREG, NFTA_EXTHDR_TYPE, NFTA_EXTHDR_OFFSET, NFTA_EXTHDR_LEN, NFTA_EXTHDR_FLAGS}, NFTA_EXTHDR_OP},
    {"cmp", {NFTA_CMP_SREG, NFTA_CMP_OP, NFTA_CMP_DATA}},
    {"bitwise", {NFTA_BITWISE_SREG, NFTA_BITWISE_DREG, NFTA_BITWISE_LEN, NFTA_BITWISE_MASK, NFTA_BITWISE_XOR, NFTA_BITWISE_DATA},
     NFTA_BITWISE_OP},
    {"ct", {NFTA_CT_DREG, NFTA_CT_KEY, NFTA_CT_DIRECTION, NFTA_CT_SREG}},
    {"lookup", {NFTA_LOOKUP_SET, NFTA_LOOKUP_SREG, NFTA_LOOKUP_DREG}, NFTA_LOOKUP_FLAGS},
    {"immediate", {NFTA_IMMEDIATE_DREG, NFTA_IMMEDIATE_DATA}},
    {"nat", {NFTA_NAT_TYPE, NFTA_NAT_FAMILY, NFTA_NAT_REG_ADDR_MIN, NFTA_NAT_REG_PROTO_MIN}},
    {"reject", {NFTA_REJECT_TYPE, NFTA_REJECT_ICMP_CODE}},
    {"log", {NFTA_LOG_GROUP, NFTA_LOG_PREFIX, NFTA_LOG_SNAPLEN}},
    {"limit", {NFTA_LIMIT_RATE, NFTA_LIMIT_UNIT, NFTA_LIMIT_BURST, NFTA_LIMIT_TYPE, NFTA_LIMIT_FLAGS}},
    {"counter", {}},
};

struct Expression {
  std::string_view name, data;
};

template <class See>
void ForEachExpression(std::string_view list, See see) {
  ForEachAttribute(list, [&see](const Attribute& element) {
    see(Expression{TextOf(FindAttribute(element.value, NFTA_EXPR_NAME).value_or("")),
                   FindAttribute(element.value, NFTA_EXPR_DATA).value_or("")});
  });
}

std::uint64_t Number(std::string_view data, std::uint16_t type) {
  return BigEndianNumber(FindAttribute(data, type).value_or("")).value_or(0);
}

bool IsData(std::string_view name, std::uint16_t type) {
  return (name == "cmp" && type == NFTA_CMP_DATA) || (name == "immediate" && type == NFTA_IMMEDIATE_DATA) ||
         (name == "bitwise" &&
          (type == NFTA_BITWISE_MASK || type == NFTA_BITWISE_XOR || type == NFTA_BITWISE_DATA));
}

// A value, or a verdict with the chain it may name.
void AppendData(std::string* text, std::string_view data) {
  if (const auto value = FindAttribute(data, NFTA_DATA_VALUE)) return AppendHex(text, *value);
  const auto verdict = FindAttribute(data, NFTA_DATA_VERDICT);
  if (!verdict) return AppendHex(&text->append("?"), data);
  text->append("verdict").append(std::to_string(static_cast<std::int32_t>(Number(*verdict, NFTA_VERDICT_CODE))));
  text->append(TextOf(FindAttribute(*verdict, NFTA_VERDICT_CHAIN).value_or("")));
}

std::optional<std::int32_t> VerdictOf(const Expression& expression) {
  if (expression.name != "immediate" || Number(expression.data, NFTA_IMMEDIATE_DREG) != NFT_REG_VERDICT) return {};
  const auto data = FindAttribute(expression.data, NFTA_IMMEDIATE_DATA);
  const auto verdict = data ? FindAttribute(*data, NFTA_DATA_VERDICT) : std::nullopt;
  if (!verdict) return {};
  return static_cast<std::int32_t>(Number(*verdict, NFTA_VERDICT_CODE));
}

enum class Loaded : std::uint8_t { kNothing, kProtocol, kDestination4, kDestination6, kPort };

Loaded LoadOf(const Expression& expression) {
  if (expression.name == "meta" && Number(expression.data, NFTA_META_KEY) == NFT_META_L4PROTO) return Loaded::kProtocol;
  if (expression.name != "payload") return Loaded::kNothing;
  const std::uint64_t base = Number(expression.data, NFTA_PAYLOAD_BASE);
  const std::uint64_t offset = Number(expression.data, NFTA_PAYLOAD_OFFSET);
  const std::uint64_t length = Number(expression.data, NFTA_PAYLOAD_LEN);
  if (base == NFT_PAYLOAD_TRANSPORT_HEADER && offset == 2 && length == 2) return Loaded::kPort;
  if (base != NFT_PAYLOAD_NETWORK_HEADER) return Loaded::kNothing;
  if (offset == 16 && length == 4) return Loaded::kDestination4;
  return offset == 24 && length == 16 ? Loaded::kDestination6 : Loaded::kNothing;
}

std::string AddressText(std::string_view value, bool v6) {
  base::IpAddress address;
  address.v6 = v6;
  memcpy(address.bytes.data(), value.data(), std::min(value.size(), address.bytes.size()));
  return base::ToString(address);
}

}  // namespace

void AppendCanonical(std::string* text, std::string_view list) {
  const std::size_t start = text->size();
  ForEachExpression(list, [&](const Expression& expression) {
    if (text->size() > start) text->append(" | ");
    const auto* const known = std::ranges::find(kKnown, expression.name, &Known::name);
    if (known == std::end(kKnown)) {
      return AppendHex(&text->append(base::Escape(expression.name)).append(" ?"), expression.data);
    }
    text->append(expression.name);
    for (const std::uint16_t type : known->attributes) {
      if (type == 0) break;
      const auto value = FindAttribute(expression.data, type);
      if (!value) continue;
      text->append(" ").append(std::to_string(type)).append("=");
      IsData(expression.name, type) ? AppendData(text, *value) : AppendHex(text, *value);
    }
    if (known->mode == 0) return;
    if (const std::uint64_t mode = Number(expression.data, known->mode)) text->append(" mode ").append(std::to_string(mode));
  });
}

void ReadCounter(std::string_view list, std::uint64_t* packets, std::uint64_t* bytes) {
  ForEachExpression(list, [&](const Expression& expression) {
    if (expression.name != "counter") return;
    *packets = Number(expression.data, NFTA_COUNTER_PACKETS);
    *bytes = Number(expression.data, NFTA_COUNTER_BYTES);
  });
}

std::string EqualityText(std::string_view list) {
  std::string text;
  const auto add = [&text](const std::string& words) { text.append(text.empty() ? "" : " ").append(words); };
  Loaded loaded = Loaded::kNothing;
  std::uint64_t protocol = 0;
  ForEachExpression(list, [&](const Expression& expression) {
    if (const auto verdict = VerdictOf(expression)) {
      if (*verdict == NF_ACCEPT) add("accept");
      if (*verdict == NF_DROP) add("drop");
    }
    if (expression.name != "cmp") {
      loaded = LoadOf(expression);
      return;
    }
    const Loaded compared = std::exchange(loaded, Loaded::kNothing);
    const auto data = FindAttribute(expression.data, NFTA_CMP_DATA);
    const auto value = data ? FindAttribute(*data, NFTA_DATA_VALUE) : std::nullopt;
    if (!value || Number(expression.data, NFTA_CMP_OP) != NFT_CMP_EQ) return;
    if (compared == Loaded::kProtocol) protocol = BigEndianNumber(*value).value_or(0);
    if (compared == Loaded::kDestination4) add("ip daddr " + AddressText(*value, false));
    if (compared == Loaded::kDestination6) add("ip6 daddr " + AddressText(*value, true));
    if (compared == Loaded::kPort && (protocol == 6 || protocol == 17)) {
      add(fmt::format("{} dport {}", protocol == 6 ? "tcp" : "udp", BigEndianNumber(*value).value_or(0)));
    }
  });
  return text;
}

}  // namespace net
