// SPDX-License-Identifier: Apache-2.0
// The decision on a question before anything is asked of anybody: pure, over its bytes and the gate's tables.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "gate/dns/answer.h"
#include "gate/dns/message.h"
#include "gate/dns/reply.h"
#include "gate/grants.h"
#include "wire/gate_record.h"

namespace gate::dns {

enum class ClientTransport : std::uint8_t { kUdp, kTcp };
enum class Action : std::uint8_t {
  kForward,  // granted
  kRefuse,   // WriteDenial is what the client gets
  kDrop,     // malformed: no reply on UDP, the end of the connection on TCP
};
struct Decision {
  Action action = Action::kDrop;
  wire::GateReason reason = wire::GateReason::kMalformedQuery;  // kForward: kAllowedByAllowlist
  wire::RuleRef rule = {};
  QuestionFault fault = QuestionFault::kNone;
};
// Order: parse, type, name, hosts that resolve names over HTTPS. Of a UDP message the first 1,500 bytes count; a longer
// TCP message that is granted cannot be forwarded: kRefuse, kUpstreamFailure. `question` views `message`.
Decision Decide(Bytes message, ClientTransport transport, const Grants& grants, Question* question);

// Rcode of a denial: 5, or 2 for kUpstreamFailure and kDeniedDnssec.
std::uint8_t RcodeOf(wire::GateReason reason);
// The reply to a denied question, with the extended error of the reason and the rule's name.
std::size_t WriteDenial(const Question& question, wire::GateReason reason, wire::RuleRef rule,
                        std::span<std::uint8_t, kMaxReplyBytes> out);
// "denied_query_type: dnsAuthority.allowedQueryTypes"; a view of `out`.
std::string_view DenialText(wire::GateReason reason, wire::RuleRef rule, std::span<char, 160> out);

// A public resolver's host by its canonical name, or a name below one: it must be granted by its own name.
bool IsDohHost(std::string_view canonical);

// Addresses by class and host; targets of chains by the list of resolver hosts.
class GrantsPolicy final : public AnswerPolicy {
 public:
  explicit GrantsPolicy(const Grants& grants) : grants_(grants) {}
  Refusal WhyRefused(const base::IpAddress& address) const override;
  bool MayLeadTo(std::string_view name) const override;

 private:
  const Grants& grants_;
};

}  // namespace gate::dns
