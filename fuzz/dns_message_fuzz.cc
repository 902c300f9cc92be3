// SPDX-License-Identifier: Apache-2.0
// DNS messages: any bytes are a question, or an answer to the question they hold, or neither; what is relayed of an
// answer is an answer again, shows no refused address and credits the same ones.
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "gate/dns/answer.h"
#include "gate/dns/message.h"
#include "gate/dns/reply.h"

namespace {

using namespace gate::dns;
using Octets = std::vector<std::uint8_t>;

class OddPolicy final : public AnswerPolicy {
 public:
  Refusal WhyRefused(const base::IpAddress& address) const override {
    const bool odd = (address.bytes[address.v6 ? 15 : 3] & 1) != 0;
    return odd ? Refusal{wire::GateReason::kDeniedAddressClass, {wire::RuleKind::kDefault}} : Refusal{};
  }
  bool MayLeadTo(std::string_view name) const override { return !name.starts_with('x'); }
};

void Demand(bool holds) {
  if (!holds) abort();
}

void TryQuestion(Bytes message, Question* question) {
  if (ParseQuestion(message, question) != QuestionFault::kNone) return;
  Demand(kHeaderBytes + question->section_bytes <= message.size() && question->name_size <= kMaxNameText);
  std::array<std::uint8_t, kMaxReplyBytes> reply;
  const std::size_t size = WriteReply(*question, kRcodeRefused, {kEdeBlocked, "default"}, reply);
  Answer answer;
  Demand(ParseAnswer(Bytes(reply).first(size), question->id, question->section(), &answer) == AnswerFault::kNone);

  const CaseBits letters = {0x5555555555555555u, 0x5555555555555555u, 0x5555555555555555u, 0x5555555555555555u};
  std::array<std::uint8_t, kMaxForwardBytes> forward;
  for (const bool dnssec : {false, true}) {
    const std::size_t sent = WriteForward(*question, {.id = 7, .letters = &letters, .ask_dnssec = dnssec}, forward);
    Question again;
    if (message.size() > kMaxForwardedBytes) continue;
    Demand(ParseQuestion(Bytes(forward).first(sent), &again) == QuestionFault::kNone);
    Demand(again.name() == question->name() && again.type == question->type && (again.dnssec_ok || !dnssec));
  }
}

// The question that an answer repeats.
Octets QuestionOf(Bytes answer) {
  Octets query(answer.begin(), answer.end());
  if (query.size() < kHeaderBytes) return query;
  query[2] &= 0x07;
  memset(query.data() + 6, 0, 6);
  return query;
}

std::vector<Target> Credited(const Judgement& judgement) {
  std::vector<Target> list;
  for (const Target& target : judgement.targets) {
    if (target.role != TargetRole::kExtra && !target.refusal.refused()) list.push_back(target);
  }
  return list;
}

void CheckRelayed(const Octets& reply, const Question& question, const Judgement& before, const Relayed& relayed) {
  Answer answer;
  Demand(ParseAnswer(reply, question.id, question.section(), &answer) == AnswerFault::kNone);
  Judgement after;
  JudgeAnswer(answer, question, OddPolicy(), &after);
  Demand(std::ranges::none_of(after.targets, [](const Target& target) { return target.refusal.refused(); }));
  Demand(!after.chain.refused() && after.unreadable.empty());
  const std::vector<Target> expected = relayed.refusal.refused() ? std::vector<Target>{} : Credited(before);
  const std::vector<Target> found = Credited(after);
  Demand(std::ranges::equal(found, expected, [](const Target& a, const Target& b) {
    return a.address == b.address && a.ttl_s == b.ttl_s && a.role == b.role;
  }));
  Octets again;
  const auto second = RelayAnswer(answer, question, after, {}, &again);
  Demand(second && !second->changed && again == reply);
}

void TryAnswer(Bytes message) {
  const Octets query = QuestionOf(message);
  Question question;
  TryQuestion(query, &question);
  if (ParseQuestion(query, &question) != QuestionFault::kNone) return;
  Answer answer;
  if (ParseAnswer(message, question.id, question.section(), &answer) != AnswerFault::kNone) return;
  Judgement judgement;
  JudgeAnswer(answer, question, OddPolicy(), &judgement);
  Octets reply;
  const auto relayed = RelayAnswer(answer, question, judgement, {}, &reply);
  if (!relayed) return;
  Demand(relayed->changed || std::ranges::equal(reply, message));
  CheckRelayed(reply, question, judgement, *relayed);

  AgeTtls(reply, 100);
  Demand(ParseAnswer(reply, question.id, question.section(), &answer) == AnswerFault::kNone);
  const std::size_t whole = reply.size(), cut = CutForUdp(reply, 512);
  Demand(whole <= 512 ? cut == whole : cut <= 512);
  Demand(ParseAnswer(Bytes(reply).first(cut), question.id, question.section(), &answer) == AnswerFault::kNone);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Question question;
  TryQuestion({data, size}, &question);
  TryAnswer({data, size});
  return 0;
}
