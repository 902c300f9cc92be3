// SPDX-License-Identifier: Apache-2.0
// Expressions in the form in which nft itself writes them, so that nft can read the table back.
#include "plan/nft_rule.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>

#include <fmt/format.h>

namespace plan {
namespace {

constexpr char kOriginalDirection = 0, kReplyDirection = 1;  // IP_CT_DIR_…
constexpr std::uint32_t kStateEstablished = 1u << 1;  // NF_CT_STATE_BIT(IP_CT_ESTABLISHED)

std::string Native32(std::uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

Attributes Value(std::string_view bytes) { return Attributes().Put(NFTA_DATA_VALUE, bytes); }

std::string_view NameOf(L4 protocol) {
  switch (protocol) {
    case L4::kIcmp: return "icmp";
    case L4::kTcp: return "tcp";
    case L4::kUdp: return "udp";
    case L4::kIcmpV6: return "ipv6-icmp";
    case L4::kSctp: return "sctp";
    case L4::kUdpLite: return "udplite";
  }
  return "";
}

std::string_view BytesOf(const base::IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.v6 ? 16u : 4u};
}

unsigned FullLength(const base::IpPrefix& prefix) { return prefix.address.v6 ? 128 : 32; }

std::string TextOf(const base::IpPrefix& prefix) {
  return prefix.length == FullLength(prefix) ? base::ToString(prefix.address) : base::ToString(prefix);
}

}  // namespace

void NftRule::Expression(std::string_view name, const Attributes& data) {
  expressions_.PutNested(NFTA_LIST_ELEM, Attributes().PutText(NFTA_EXPR_NAME, name).PutNested(NFTA_EXPR_DATA, data));
}

void NftRule::Text(std::string_view words) { text_.append(text_.empty() ? "" : " ").append(words); }

void NftRule::LoadMeta(std::uint32_t key) {
  Expression("meta", Attributes().Put32(NFTA_META_KEY, key).Put32(NFTA_META_DREG, NFT_REG_1));
}

void NftRule::LoadPayload(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
  Expression("payload", Attributes()
                            .Put32(NFTA_PAYLOAD_DREG, NFT_REG_1)
                            .Put32(NFTA_PAYLOAD_BASE, base)
                            .Put32(NFTA_PAYLOAD_OFFSET, offset)
                            .Put32(NFTA_PAYLOAD_LEN, length));
}

void NftRule::LoadTuple(std::uint32_t key, std::string_view direction) {
  Attributes data;
  data.Put32(NFTA_CT_DREG, NFT_REG_1).Put32(NFTA_CT_KEY, key);
  if (!direction.empty()) data.Put(NFTA_CT_DIRECTION, direction);
  Expression("ct", data);
}

void NftRule::Compare(std::uint32_t operation, std::string_view value) {
  Expression("cmp", Attributes()
                        .Put32(NFTA_CMP_SREG, NFT_REG_1)
                        .Put32(NFTA_CMP_OP, operation)
                        .PutNested(NFTA_CMP_DATA, Value(value)));
}

void NftRule::Mask(std::string_view mask) {
  Expression("bitwise", Attributes()
                            .Put32(NFTA_BITWISE_SREG, NFT_REG_1)
                            .Put32(NFTA_BITWISE_DREG, NFT_REG_1)
                            .Put32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(mask.size()))
                            .PutNested(NFTA_BITWISE_MASK, Value(mask))
                            .PutNested(NFTA_BITWISE_XOR, Value(std::string(mask.size(), '\0'))));
}

void NftRule::Immediate(std::uint32_t reg, std::string_view value) {
  Expression("immediate",
             Attributes().Put32(NFTA_IMMEDIATE_DREG, reg).PutNested(NFTA_IMMEDIATE_DATA, Value(value)));
}

void NftRule::Verdict(std::uint32_t code) {
  const Attributes verdict =
      Attributes().PutNested(NFTA_DATA_VERDICT, Attributes().Put32(NFTA_VERDICT_CODE, code));
  Expression("immediate",
             Attributes().Put32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT).PutNested(NFTA_IMMEDIATE_DATA, verdict));
}

// The register holds the whole address, or only the prefix's bytes when it was `cut`.
void NftRule::ComparePrefix(const base::IpPrefix& prefix, bool cut) {
  const std::string_view bytes = BytesOf(prefix.address);
  if (cut || prefix.length == FullLength(prefix)) return Compare(NFT_CMP_EQ, bytes.substr(0, prefix.length / 8));
  std::string mask(bytes.size(), '\0');
  for (unsigned bit = 0; bit < prefix.length; ++bit) mask[bit / 8] = static_cast<char>(mask[bit / 8] | 0x80 >> bit % 8);
  Mask(mask);
  Compare(NFT_CMP_EQ, bytes);
}

NftRule& NftRule::Family(bool v6) {
  LoadMeta(NFT_META_NFPROTO);
  Compare(NFT_CMP_EQ, std::string(1, static_cast<char>(v6 ? NFPROTO_IPV6 : NFPROTO_IPV4)));
  Text(v6 ? "meta nfproto ipv6" : "meta nfproto ipv4");
  return *this;
}

NftRule& NftRule::Destination(const base::IpPrefix& prefix) {
  const bool v6 = prefix.address.v6;
  if (prefix.length == 0) return Family(v6);
  const std::string before = text_;
  Family(v6);
  text_ = before;
  // Whole bytes are loaded alone.
  const bool cut = prefix.length % 8 == 0;
  LoadPayload(NFT_PAYLOAD_NETWORK_HEADER, v6 ? 24 : 16, cut ? prefix.length / 8 : v6 ? 16 : 4);
  ComparePrefix(prefix, cut);
  Text(fmt::format("{} daddr {}", v6 ? "ip6" : "ip", TextOf(prefix)));
  return *this;
}

NftRule& NftRule::Protocol(L4 protocol) {
  LoadMeta(NFT_META_L4PROTO);
  Compare(NFT_CMP_EQ, std::string(1, static_cast<char>(protocol)));
  Text(fmt::format("meta l4proto {}", NameOf(protocol)));
  return *this;
}

void NftRule::LoadPort(L4 protocol) {
  LoadMeta(NFT_META_L4PROTO);
  Compare(NFT_CMP_EQ, std::string(1, static_cast<char>(protocol)));
  LoadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
}

NftRule& NftRule::Port(L4 protocol, std::uint16_t port) {
  LoadPort(protocol);
  Compare(NFT_CMP_EQ, BigEndian16(port));
  Text(fmt::format("{} dport {}", NameOf(protocol), port));
  return *this;
}

NftRule& NftRule::PortIn(L4 protocol, std::string_view set) {
  LoadPort(protocol);
  Expression("lookup", Attributes().PutText(NFTA_LOOKUP_SET, set).Put32(NFTA_LOOKUP_SREG, NFT_REG_1));
  Text(fmt::format("{} dport @{}", NameOf(protocol), set));
  return *this;
}

NftRule& NftRule::IsReply() {
  LoadTuple(NFT_CT_DIRECTION, {});
  Compare(NFT_CMP_EQ, {&kReplyDirection, 1});
  Text("ct direction reply");
  return *this;
}

NftRule& NftRule::IsEstablished() {
  LoadTuple(NFT_CT_STATE, {});
  Mask(Native32(kStateEstablished));
  Compare(NFT_CMP_NEQ, Native32(0));
  Text("ct state established");
  return *this;
}

NftRule& NftRule::IsNoSyn() {
  constexpr std::uint32_t kFlagsOffset = 13;
  constexpr char kFinSynRstAck = 0x17, kSyn = 0x02;
  const std::string before = text_;
  Protocol(L4::kTcp);
  text_ = before;
  LoadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, kFlagsOffset, 1);
  Mask({&kFinSynRstAck, 1});
  Compare(NFT_CMP_NEQ, {&kSyn, 1});
  Text("tcp flags != syn / fin,syn,rst,ack");
  return *this;
}

NftRule& NftRule::IsSteered() {
  LoadTuple(NFT_CT_STATUS, {});
  Mask(Native32(IPS_DST_NAT));
  Compare(NFT_CMP_NEQ, Native32(0));
  Text("ct status dnat");
  return *this;
}

NftRule& NftRule::AskedFor(const base::IpPrefix& prefix) {
  const bool v6 = prefix.address.v6;
  if (prefix.length == 0) return Family(v6);
  LoadTuple(v6 ? NFT_CT_DST_IP6 : NFT_CT_DST_IP, {&kOriginalDirection, 1});
  ComparePrefix(prefix, false);
  Text(fmt::format("ct original {} daddr {}", v6 ? "ip6" : "ip", TextOf(prefix)));
  return *this;
}

NftRule& NftRule::AskedPort(std::uint16_t port) {
  LoadTuple(NFT_CT_PROTO_DST, {&kOriginalDirection, 1});
  Compare(NFT_CMP_EQ, BigEndian16(port));
  Text(fmt::format("ct original proto-dst {}", port));
  return *this;
}

NftRule& NftRule::IsFragment(bool v6) {
  const std::string before = text_;
  Family(v6);
  text_ = before;
  if (v6) {
    constexpr char kFragmentHeader = 44;
    Expression("exthdr", Attributes()
                             .Put32(NFTA_EXTHDR_DREG, NFT_REG_1)
                             .Put(NFTA_EXTHDR_TYPE, {&kFragmentHeader, 1})
                             .Put32(NFTA_EXTHDR_OFFSET, 0)
                             .Put32(NFTA_EXTHDR_LEN, 1)
                             .Put32(NFTA_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT));
    Compare(NFT_CMP_EQ, std::string(1, '\1'));
    Text("exthdr frag exists");
  } else {
    LoadPayload(NFT_PAYLOAD_NETWORK_HEADER, 6, 2);
    Mask(BigEndian16(0x3fff));  // more fragments, or an offset
    Compare(NFT_CMP_NEQ, BigEndian16(0));
    Text("ip frag-off & 16383 != 0");
  }
  return *this;
}

NftRule& NftRule::IsMarked() {
  LoadMeta(NFT_META_MARK);
  Compare(NFT_CMP_EQ, Native32(kRefusedMark));
  Text(fmt::format("meta mark {:#010x}", kRefusedMark));
  return *this;
}

NftRule& NftRule::AtMost(std::uint32_t per_second, std::uint32_t burst) {
  Expression("limit", Attributes()
                          .Put64(NFTA_LIMIT_RATE, per_second)
                          .Put64(NFTA_LIMIT_UNIT, 1)
                          .Put32(NFTA_LIMIT_BURST, burst)
                          .Put32(NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS)
                          .Put32(NFTA_LIMIT_FLAGS, 0));
  Text(fmt::format("limit rate {}/second burst {} packets", per_second, burst));
  return *this;
}

NftRule& NftRule::Count() {
  Expression("counter", Attributes().Put64(NFTA_COUNTER_BYTES, 0).Put64(NFTA_COUNTER_PACKETS, 0));
  Text("counter");
  return *this;
}

NftRule& NftRule::Log() {
  constexpr std::uint32_t kHeaders = 128;  // of each packet
  Expression("log", Attributes()
                        .PutText(NFTA_LOG_PREFIX, kFlowLogPrefix)
                        .Put16(NFTA_LOG_GROUP, kFlowLogGroup)
                        .Put32(NFTA_LOG_SNAPLEN, kHeaders));
  Text(fmt::format("log prefix \"{}\" group {} snaplen {}", kFlowLogPrefix, kFlowLogGroup, kHeaders));
  return *this;
}

NftRule& NftRule::Accept() {
  Verdict(NF_ACCEPT);
  Text("accept");
  return *this;
}

NftRule& NftRule::Drop() {
  Verdict(NF_DROP);
  Text("drop");
  return *this;
}

NftRule& NftRule::Reset() {
  Expression("reject", Attributes().Put32(NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST));
  Text("reject with tcp reset");
  return *this;
}

NftRule& NftRule::Unreachable() {
  const char code = NFT_REJECT_ICMPX_PORT_UNREACH;
  Expression("reject",
             Attributes().Put32(NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH).Put(NFTA_REJECT_ICMP_CODE, {&code, 1}));
  Text("reject");  // nft's own default
  return *this;
}

NftRule& NftRule::Mark() {
  Immediate(NFT_REG_1, Native32(kRefusedMark));
  Expression("meta", Attributes().Put32(NFTA_META_KEY, NFT_META_MARK).Put32(NFTA_META_SREG, NFT_REG_1));
  Text(fmt::format("meta mark set {:#010x}", kRefusedMark));
  return *this;
}

NftRule& NftRule::SteerToPort(std::uint16_t port) {
  Immediate(NFT_REG_1, BigEndian16(port));
  Expression("nat", Attributes()
                        .Put32(NFTA_NAT_TYPE, NFT_NAT_DNAT)
                        .Put32(NFTA_NAT_FAMILY, NFPROTO_INET)
                        .Put32(NFTA_NAT_REG_PROTO_MIN, NFT_REG_1));
  Text(fmt::format("dnat to :{}", port));
  return *this;
}

NftRule& NftRule::SteerTo(const base::IpEndpoint& to) {
  const bool v6 = to.address.v6;
  Immediate(NFT_REG_1, BytesOf(to.address));
  Immediate(NFT_REG_2, BigEndian16(to.port));
  Expression("nat", Attributes()
                        .Put32(NFTA_NAT_TYPE, NFT_NAT_DNAT)
                        .Put32(NFTA_NAT_FAMILY, v6 ? NFPROTO_IPV6 : NFPROTO_IPV4)
                        .Put32(NFTA_NAT_REG_ADDR_MIN, NFT_REG_1)
                        .Put32(NFTA_NAT_REG_PROTO_MIN, NFT_REG_2));
  Text(fmt::format("dnat {} to {}", v6 ? "ip6" : "ip", base::ToString(to)));
  return *this;
}

NftRule& NftRule::SteerByMap(std::string_view map) {
  LoadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
  Expression("lookup", Attributes()
                           .PutText(NFTA_LOOKUP_SET, map)
                           .Put32(NFTA_LOOKUP_SREG, NFT_REG_1)
                           .Put32(NFTA_LOOKUP_DREG, NFT_REG_1));
  Expression("nat", Attributes()
                        .Put32(NFTA_NAT_TYPE, NFT_NAT_DNAT)
                        .Put32(NFTA_NAT_FAMILY, NFPROTO_INET)
                        .Put32(NFTA_NAT_REG_PROTO_MIN, NFT_REG_1));
  Text(fmt::format("dnat to :udp dport map @{}", map));
  return *this;
}

}  // namespace plan
