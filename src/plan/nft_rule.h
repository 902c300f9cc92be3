// SPDX-License-Identifier: Apache-2.0
// One rule of nf_tables while it is written: the expressions the kernel gets and, step by step beside them, the text that
// `nft list` gives back for them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "plan/netlink_writer.h"

namespace plan {

inline constexpr std::uint32_t kRefusedMark = 1;       // of datagrams that the input chain answers
inline constexpr std::uint16_t kFlowLogGroup = 100;    // NFLOG
inline constexpr char kFlowLogPrefix[] = "cellos-flow drop";

enum class L4 : std::uint8_t { kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpV6 = 58, kSctp = 132, kUdpLite = 136 };

class NftRule {
 public:
  // Matches. Each ends the rule for a packet that it does not hold for.
  NftRule& Family(bool v6);                           // meta nfproto
  NftRule& Destination(const base::IpPrefix& prefix);  // ip daddr, ip6 daddr; a prefix of length 0 is its family
  NftRule& Protocol(L4 protocol);                     // meta l4proto
  NftRule& Port(L4 protocol, std::uint16_t port);     // tcp dport, udp dport
  NftRule& PortIn(L4 protocol, std::string_view set);
  NftRule& IsReply();                                 // ct direction reply
  NftRule& IsEstablished();
  NftRule& IsNoSyn();                                 // TCP, and not the first packet of a connection
  NftRule& IsSteered();                               // ct status dnat
  NftRule& AskedFor(const base::IpPrefix& prefix);    // ct original ip daddr: before the translation
  NftRule& AskedPort(std::uint16_t port);             // ct original proto-dst; after Protocol
  NftRule& IsFragment(bool v6);
  NftRule& IsMarked();
  NftRule& AtMost(std::uint32_t per_second, std::uint32_t burst);

  // Statements.
  NftRule& Count();
  NftRule& Log();
  NftRule& Accept();
  NftRule& Drop();
  NftRule& Reset();                                   // reject with tcp reset
  NftRule& Unreachable();                             // port unreachable of either family
  NftRule& Mark();
  NftRule& SteerToPort(std::uint16_t port);           // dnat to :port, the address stays
  NftRule& SteerTo(const base::IpEndpoint& to);       // dnat ip to a:p
  NftRule& SteerByMap(std::string_view map);          // dnat to :udp dport map @…; after Protocol(kUdp)

  const std::string& expressions() const { return expressions_.bytes(); }
  const std::string& text() const { return text_; }

 private:
  void Expression(std::string_view name, const Attributes& data);
  void Text(std::string_view words);
  void LoadMeta(std::uint32_t key);
  void LoadPayload(std::uint32_t base, std::uint32_t offset, std::uint32_t length);
  void LoadTuple(std::uint32_t key, std::string_view direction);
  void Compare(std::uint32_t operation, std::string_view value);
  void Mask(std::string_view mask);
  void Immediate(std::uint32_t reg, std::string_view value);
  void Verdict(std::uint32_t code);
  void LoadPort(L4 protocol);
  void ComparePrefix(const base::IpPrefix& prefix, bool cut);

  Attributes expressions_;
  std::string text_;
};

}  // namespace plan
