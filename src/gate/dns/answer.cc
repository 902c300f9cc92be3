// SPDX-License-Identifier: Apache-2.0
// Follows the chain of an answer and finds every address that the message would show.
#include "gate/dns/answer.h"

#include <algorithm>
#include <limits>

#include "gate/dns/svcb.h"

namespace gate::dns {
namespace {

constexpr std::uint32_t kNoTtl = std::numeric_limits<std::uint32_t>::max();

// RFC 2181 §8.
std::uint32_t Ttl(const Record& record) { return (record.ttl & 0x80000000u) != 0 ? 0 : record.ttl; }

Refusal ChainRefusal() {
  return {wire::GateReason::kDeniedCnameChain,
          {wire::RuleKind::kBuiltin, {}, static_cast<std::uint32_t>(wire::BuiltinRule::kCnameChain)}};
}

class Walk {
 public:
  Walk(const Answer& answer, const Question& question, const AnswerPolicy& policy, Judgement* judgement)
      : answer_(answer), question_(question), policy_(policy), out_(*judgement) {
    ReadName(question.message, kHeaderBytes, &end_);
    end_hash_ = HashName(end_);
    asked_ = end_;
  }

  // From the asked name to the end of its chain.
  void Follow() {
    const bool any = std::ranges::any_of(answer_.records, [](const Record& record) { return IsLink(record); });
    if (!any) return;
    Name next;
    for (std::uint32_t ttl = kNoTtl; Next(&next, &ttl);) {
      char text[kMaxNameText];
      const bool again = next == asked_ || std::ranges::find(out_.aliases, next) != out_.aliases.end();
      if (again || out_.aliases.size() == kMaxChainLinks || !policy_.MayLeadTo(ToText(next, text))) {
        out_.chain = ChainRefusal();
        return;
      }
      out_.aliases.push_back(next);
      end_ = next;
      end_hash_ = HashName(next);
      chain_ttl_ = std::min(chain_ttl_, ttl);
    }
  }

  void FindAddresses() {
    for (std::uint32_t i = 0; i < answer_.records.size(); ++i) {
      const Record& record = answer_.records[i];
      if (record.record_class != kClassIn) continue;
      if (record.type == kTypeA || record.type == kTypeAaaa) {
        AddAddress(i, record);
      } else if (record.type == kTypeHttps || record.type == kTypeSvcb) {
        AddHints(i, record);
      }
    }
  }

  std::uint32_t LifeOfAnswer() const {
    bool answered = false, proven = false;
    std::uint32_t life = kNoTtl;
    for (const Record& record : answer_.records) {
      if (record.section == Section::kAdditional) continue;
      life = std::min(life, Ttl(record));
      answered |= record.section == Section::kAnswer && record.type == question_.type;
      if (record.section != Section::kAuthority || record.type != kTypeSoa || record.size < 20) continue;
      proven = true;
      const std::uint32_t minimum = Read32(answer_.message, record.end() - 4);
      life = std::min(life, (minimum & 0x80000000u) != 0 ? 0 : minimum);
    }
    const bool conclusive = answer_.rcode == kRcodeNoError ? answered || proven
                                                           : answer_.rcode == kRcodeNxdomain && proven;
    return conclusive && life != kNoTtl ? life : 0;
  }

 private:
  static bool IsLink(const Record& record) {
    return record.section == Section::kAnswer && record.record_class == kClassIn &&
           (record.type == kTypeCname || record.type == kTypeDname);
  }
  bool OwnedByEnd(const Record& record) const {
    Name owner;
    return record.owner_hash == end_hash_ && ReadName(answer_.message, record.start, &owner) != 0 && owner == end_;
  }

  // One link on. A second CNAME of one owner that leads elsewhere makes the chain one that loops: it has no one end.
  bool Next(Name* next, std::uint32_t* ttl) const {
    bool found = false;
    for (const Record& record : answer_.records) {
      if (!IsLink(record) || record.type != kTypeCname || !OwnedByEnd(record)) continue;
      Name target;
      if (ReadName(answer_.message, record.data, &target) == 0) continue;
      if (found && !(target == *next)) {
        *next = asked_;
        return true;
      }
      found = true;
      *next = target;
      *ttl = Ttl(record);
    }
    return found || NextByDname(next, ttl);
  }

  // A resolver may leave the CNAME that a DNAME stands for to the reader.
  bool NextByDname(Name* next, std::uint32_t* ttl) const {
    for (const Record& record : answer_.records) {
      if (!IsLink(record) || record.type != kTypeDname) continue;
      Name owner, target;
      if (ReadName(answer_.message, record.start, &owner) == 0) continue;
      if (owner == end_ || !IsBelowOrEqual(end_, owner)) continue;
      if (ReadName(answer_.message, record.data, &target) == 0) continue;
      if (!ReplaceSuffix(end_, owner, target, next)) *next = asked_;  // too long: no name at all
      *ttl = Ttl(record);
      return true;
    }
    return false;
  }

  // The records that answer the question itself.
  bool Answers(const Record& record) const {
    return answer_.rcode == kRcodeNoError && record.section == Section::kAnswer && record.type == question_.type &&
           !out_.chain.refused() && OwnedByEnd(record);
  }

  void AddTarget(std::uint32_t position, const Record& record, std::size_t offset, std::size_t size, TargetRole role) {
    Target target;
    const Bytes bytes = answer_.data(record).subspan(offset, size);
    std::ranges::copy(bytes, target.address.bytes.begin());
    target.address.v6 = size == 16;
    target.ttl_s = std::min(chain_ttl_, Ttl(record));
    target.role = role;
    target.refusal = policy_.WhyRefused(target.address);
    target.record = position;
    target.offset = static_cast<std::uint16_t>(offset);
    out_.targets.push_back(target);
  }

  void AddAddress(std::uint32_t position, const Record& record) {
    const std::size_t size = record.type == kTypeA ? 4 : 16;
    if (record.size != size) {
      out_.unreadable.push_back(position);
    } else {
      AddTarget(position, record, 0, size, Answers(record) ? TargetRole::kAnswer : TargetRole::kExtra);
    }
  }

  void AddHints(std::uint32_t position, const Record& record) {
    const Bytes data = answer_.data(record);
    if (!ReadSvcb(data, &svcb_)) {
      out_.unreadable.push_back(position);
      return;
    }
    const bool own = svcb_.priority != 0 && (svcb_.target.size == 1 || svcb_.target == end_) && Answers(record);
    for (const SvcParam& param : svcb_.params) {
      const std::size_t step = param.key == kSvcIpv4Hint ? 4 : param.key == kSvcIpv6Hint ? 16 : 0;
      for (std::size_t at = 0; step != 0 && at < param.size; at += step) {
        AddTarget(position, record, param.offset + at, step, own ? TargetRole::kHint : TargetRole::kExtra);
      }
    }
  }

  const Answer& answer_;
  const Question& question_;
  const AnswerPolicy& policy_;
  Judgement& out_;
  Name asked_, end_;
  std::uint32_t end_hash_ = 0, chain_ttl_ = kNoTtl;
  Svcb svcb_;
};

}  // namespace

void JudgeAnswer(const Answer& answer, const Question& question, const AnswerPolicy& policy, Judgement* judgement) {
  judgement->chain = {};
  judgement->aliases.clear();
  judgement->targets.clear();
  judgement->unreadable.clear();
  Walk walk(answer, question, policy, judgement);
  walk.Follow();
  walk.FindAddresses();
  judgement->ttl_s = walk.LifeOfAnswer();
}

}  // namespace gate::dns
