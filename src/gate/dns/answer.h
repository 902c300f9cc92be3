// SPDX-License-Identifier: Apache-2.0
// Judgement of an upstream's answer: which chain it follows, which addresses may be shown, what is relayed.
//
// Two steps, so that policies over a whole answer fit between: JudgeAnswer finds every address and refuses by class;
// the caller may refuse more; RelayAnswer writes what the client gets.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "gate/dns/message.h"
#include "wire/gate_record.h"

namespace gate::dns {

inline constexpr std::size_t kMaxChainLinks = 16;

struct Refusal {
  wire::GateReason reason = wire::GateReason::kNone;  // kNone: not refused
  wire::RuleRef rule = {};
  bool refused() const { return reason != wire::GateReason::kNone; }
};

class AnswerPolicy {
 public:
  // An address of any record of the message; kDeniedAddressClass when it may not be shown.
  virtual Refusal WhyRefused(const base::IpAddress& address) const = 0;
  // A CNAME or DNAME leads here; false: the whole answer is kDeniedCnameChain. `name` may be empty: no text.
  virtual bool MayLeadTo(std::string_view name) const = 0;

 protected:
  ~AnswerPolicy() = default;
};

enum class TargetRole : std::uint8_t {
  kAnswer,  // A or AAAA as asked, at the end of the chain
  kHint,    // of an HTTPS or SVCB record at the end of the chain whose target is its own owner
  kExtra,   // any other address: never credited
};
struct Target {
  base::IpAddress address;
  std::uint32_t ttl_s = 0;     // smallest of the chain and its own; 2^31 and more count as 0 (RFC 2181 §8)
  TargetRole role = TargetRole::kExtra;
  Refusal refusal = {};        // may be set by the caller, never cleared
  std::uint32_t record = 0;    // position in Answer::records
  std::uint16_t offset = 0;    // of the address in the record's data
};

// What an answer says. Reused: the vectors keep their memory.
struct Judgement {
  Refusal chain = {};              // kDeniedCnameChain: a loop, more than 16 links, a name that MayLeadTo refuses
  std::vector<Name> aliases;       // names the chain leads to, in order
  std::vector<Target> targets;     // every address of the message, in its order
  std::uint32_t ttl_s = 0;         // smallest of all records of answer and authority (SOA: its minimum too); how long
                                   // the answer may be kept; 0 when there is none
  std::vector<std::uint32_t> unreadable;  // A, AAAA, HTTPS, SVCB records whose data does not parse: removed
};
void JudgeAnswer(const Answer& answer, const Question& question, const AnswerPolicy& policy, Judgement* judgement);

struct RelayOptions {
  bool keep_ech = false;
  bool dnssec_added = false;       // we asked for DNSSEC, not the client: OPT and signatures are taken out
};
struct Relayed {
  Refusal refusal = {};            // kNone: allowed. Else the answer section is empty: chain, or all addresses refused
  std::uint8_t rcode = 0;
  std::uint32_t targets = 0;       // A or AAAA records of the asked type that are relayed
  std::uint32_t removed = 0;       // records and hints
  bool changed = false;            // any byte besides id and letters of the question
};
// Writes the client's answer to `out`: its id, its question as sent, the upstream's message byte for byte unless
// something is removed; then AD is cleared, signatures of a changed set and bytes behind the last record are gone, and
// names stay readable. A refused answer names its rule by EDE 17 where the upstream's answer has an OPT record.
// nullopt: it could not be rewritten (data with names that do not parse): to be treated as an upstream failure.
std::optional<Relayed> RelayAnswer(const Answer& answer, const Question& question, const Judgement& judgement,
                                   const RelayOptions& options, std::vector<std::uint8_t>* out);

}  // namespace gate::dns
