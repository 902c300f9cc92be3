// SPDX-License-Identifier: Apache-2.0
// From an upstream's answer, or its absence, to the clients: judgement, policy, reply, records, credits.
#include <algorithm>
#include <cstring>

#include "gate/dns/proxy_core.h"
#include "gate/dns/proxy_record.h"

namespace gate::dns {
namespace {

wire::RuleRef ResolverRule(const Outcome& outcome) {
  if (outcome.resolver == kNoResolver) return {wire::RuleKind::kDefault};
  return {wire::RuleKind::kResolver, {}, outcome.resolver};
}

// A question of the gate's own: RD, and an OPT record so that the answer may be long.
std::size_t WriteOwnQuestion(std::string_view name, std::uint16_t type, std::span<std::uint8_t, 320> out) {
  std::ranges::fill(out, 0);
  Write16(out.data() + 2, kFlagRd);
  Write16(out.data() + 4, 1);
  Write16(out.data() + 10, 1);
  std::size_t at = kHeaderBytes;
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t end = std::min(name.find('.', start), name.size());
    out[at++] = static_cast<std::uint8_t>(end - start);
    std::memcpy(&out[at], name.data() + start, end - start);
    at += end - start;
    start = end + 1;
  }
  ++at;  // the root
  Write16(&out[at], type);
  Write16(&out[at + 2], kClassIn);
  Write16(&out[at + 5], kTypeOpt);
  Write16(&out[at + 7], 1232);
  return at + 15;
}

}  // namespace

template <class Each>
void Proxy::Core::ForEachAsker(const Job& job, Each each) {
  each(job.question, job.asker);
  for (const Waiter& waiter : job.joined) {
    Question question;
    if (ParseQuestion(waiter.message, &question) == QuestionFault::kNone) each(question, waiter.asker);
  }
}

void Proxy::Core::OnOutcome(std::uint32_t index, const Outcome& outcome) {
  const Job& job = *jobs_[index];
  if (!job.key.empty()) in_flight_.erase(job.key);  // whoever asks from now on asks anew
  if (job.refresh) {
    OnLookupOutcome(job, outcome);
  } else if (!revoked_) {
    switch (outcome.kind) {
      case Outcome::Kind::kAnswered: Answered(job, outcome); break;
      case Outcome::Kind::kFailed:
        ForEachAsker(job, [&](const Question& question, const Asker& asker) {
          Deny(question, asker, wire::GateReason::kUpstreamFailure, ResolverRule(outcome), &outcome);
        });
        break;
      case Outcome::Kind::kNotValidated:
        ForEachAsker(job, [&](const Question& question, const Asker& asker) {
          Deny(question, asker, wire::GateReason::kDeniedDnssec, {wire::RuleKind::kDnssec}, &outcome);
          ReportDnssec(question, outcome);
        });
        break;
    }
  }
  FreeJob(index);
}

void Proxy::Core::ReportDnssec(const Question& question, const Outcome& outcome) {
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kDnssecFailed;
  record.reason = wire::GateReason::kDeniedDnssec;
  record.rule = {wire::RuleKind::kDnssec};
  record.code = static_cast<std::uint32_t>(outcome.fault);
  record.resolver = outcome.resolver;
  record.type = question.type;
  PutName(question.name(), &record);
  reporter_.Report(record);
}

void Proxy::Core::Answered(const Job& job, const Outcome& outcome) {
  JudgeAnswer(*outcome.answer, job.question, policy_, &judgement_);
  if (!judgement_.chain.refused()) JudgeTargets(job.question.name(), outcome.resolver, &judgement_.targets);
  const std::optional<Relayed> relayed = RelayAnswer(*outcome.answer, job.question, judgement_,
                                                     {.dnssec_added = outcome.dnssec_added}, &served_.message);
  if (!relayed) {
    return ForEachAsker(job, [&](const Question& question, const Asker& asker) {
      Deny(question, asker, wire::GateReason::kUpstreamFailure, ResolverRule(outcome), &outcome);
    });
  }
  if (relayed->refusal.refused()) {
    return ForEachAsker(job, [&](const Question& question, const Asker& asker) {
      ServeRefused(question, asker, served_.message, *relayed, outcome);
    });
  }
  served_.credits.clear();
  served_.aliases.clear();
  for (const Target& target : judgement_.targets) {
    if (target.role != TargetRole::kExtra && !target.refusal.refused()) {
      served_.credits.push_back({target.address, target.ttl_s});
    }
  }
  for (const Name& alias : judgement_.aliases) {
    char text[kMaxNameText];
    served_.aliases.emplace_back(ToText(alias, text));
  }
  served_.ttl_s = judgement_.ttl_s;
  served_.targets = relayed->targets;
  served_.rcode = relayed->rcode;
  served_.resolver = outcome.resolver;
  if (!job.key.empty()) cache_.Keep(job.key, served_, loop_.Now());
  ForEachAsker(job, [&](const Question& question, const Asker& asker) {
    Serve(question, job.rule, asker, served_, 0, &outcome);
  });
}

void Proxy::Core::Serve(const Question& question, wire::RuleRef rule, const Asker& asker, const Served& served,
                        std::uint32_t age_s, const Outcome* outcome) {
  scratch_.assign(served.message.begin(), served.message.end());
  RestoreQuestion(scratch_, question);
  if (age_s > 0) AgeTtls(scratch_, age_s);
  Reply(question, asker, scratch_);

  ++counters_.queries_allowed;
  const std::uint64_t id = reporter_.NewId();
  for (std::uint32_t i = 0; i < served.aliases.size(); ++i) {
    wire::GateRecord alias;
    alias.kind = wire::GateRecordKind::kDnsAlias;
    alias.id = id;
    alias.count = i;
    PutName(served.aliases[i], &alias);
    reporter_.Report(alias);
  }
  wire::GateRecord record = QueryRecord(question, asker);
  record.id = id;
  record.reason = wire::GateReason::kAllowedByAllowlist;
  record.rule = rule;
  record.rcode = served.rcode;
  record.count = served.targets;
  record.ttl_s = served.ttl_s - std::min(age_s, served.ttl_s);
  record.resolver = served.resolver;
  if (outcome != nullptr) record.latency_us = outcome->latency_us;
  reporter_.Report(record);
  for (const Served::Credited& credit : served.credits) {
    Credit(question.name(), credit.address, credit.ttl_s - std::min(age_s, credit.ttl_s), id);
  }
}

void Proxy::Core::ServeRefused(const Question& question, const Asker& asker, Bytes message, const Relayed& relayed,
                               const Outcome& outcome) {
  scratch_.assign(message.begin(), message.end());
  RestoreQuestion(scratch_, question);
  Reply(question, asker, scratch_);
  ++counters_.queries_denied;
  wire::GateRecord record = QueryRecord(question, asker);
  record.reason = relayed.refusal.reason;
  record.rule = relayed.refusal.rule;
  record.rcode = relayed.rcode;
  record.resolver = outcome.resolver;
  record.latency_us = outcome.latency_us;
  reporter_.Report(record);
}

void Proxy::Core::Credit(std::string_view name, const base::IpAddress& address, std::uint32_t ttl_s,
                         std::uint64_t query) {
  const wire::GateLimits& limits = grants_.limits();
  const std::uint32_t longest = std::max(limits.max_ttl_s, limits.min_ttl_s);
  const auto life = std::chrono::seconds(std::clamp(ttl_s, limits.min_ttl_s, longest)) +
                    std::chrono::seconds(limits.grace_s);
  credits_.Remember(address, {.name = std::string(name), .query = query, .until = loop_.Now() + life});
}

void Proxy::Core::CreditTarget(std::string_view name, const Target& target) {
  Credit(name, target.address, target.ttl_s, 0);
}

// Of what the classes let through: how many, and which, a name may show over the run.
void Proxy::Core::JudgeTargets(std::string_view name, std::uint8_t resolver, std::vector<Target>* targets) {
  if (!rebinding_) return;
  std::vector<RebindTarget> shown;
  std::vector<std::string> elsewhere;  // refused by class already; told when no entry covers it
  for (const Target& target : *targets) {
    if (target.role == TargetRole::kExtra) continue;
    const bool covered = grants_.ResponseAllowed(name, target.address);
    if (!target.refusal.refused()) {
      shown.push_back({base::ToString(target.address), covered});
    } else if (!covered) {
      elsewhere.push_back(base::ToString(target.address));
    }
  }
  if (shown.empty() && elsewhere.empty()) return;
  const RebindRound round = rebinding_->Judge(name, shown);
  if (round.threshold_exceeded) ReportRebind(name, resolver, round.novel.front(), 0, round);
  for (const std::string& address : round.outside_allowlist) ReportRebind(name, resolver, address, 1, round);
  for (const std::string& address : elsewhere) ReportRebind(name, resolver, address, 1, round);
  if (grants_.header().reject_on_rebind == 0) return;
  for (Target& target : *targets) {
    if (target.role == TargetRole::kExtra || target.refusal.refused()) continue;
    if (std::ranges::find(round.effective, base::ToString(target.address)) != round.effective.end()) continue;
    const bool covered = grants_.ResponseAllowed(name, target.address);
    target.refusal = {wire::GateReason::kDeniedRebind,
                      {covered ? wire::RuleKind::kRebinding : wire::RuleKind::kResponseIpAllowlist}};
  }
}

void Proxy::Core::ReportRebind(std::string_view name, std::uint8_t resolver, std::string_view address,
                               std::uint32_t code, const RebindRound& round) {
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kRebind;
  record.code = code;
  record.count = round.previous;
  record.count2 = round.cumulative;
  record.resolver = resolver;
  const std::optional<base::IpAddress> parsed = base::ParseIpAddress(address);
  if (parsed) {
    record.v6 = parsed->v6;
    std::memcpy(record.address, parsed->bytes.data(), sizeof record.address);
  }
  PutName(name, &record);
  reporter_.Report(record);
}

void Proxy::Core::StartLookup(std::string_view name, std::uint16_t type) {
  std::array<std::uint8_t, 320> message;
  Question question;
  if (name.size() > kMaxNameText ||
      ParseQuestion(Bytes(message).first(WriteOwnQuestion(name, type, message)), &question) != QuestionFault::kNone) {
    return refresh_.OnLookup({});
  }
  const std::uint32_t index = NewJob(question);
  jobs_[index]->refresh = true;
  if (upstream_.Ask(index, jobs_[index]->question)) return;
  FreeJob(index);
  refresh_.OnLookup({});
}

void Proxy::Core::OnLookupOutcome(const Job& job, const Outcome& outcome) {
  Lookup lookup;
  lookup.resolver = outcome.resolver;
  lookup.fault = outcome.unsigned_zone ? wire::DnssecFault::kUnsignedInRequireMode : outcome.fault;
  if (outcome.kind == Outcome::Kind::kNotValidated) {
    lookup.result = Lookup::Result::kNotValidated;
    lookup.fail_closed = outcome.resolver != kNoResolver &&
                         grants_.resolvers()[outcome.resolver].dnssec == wire::DnssecMode::kRequire;
  } else if (outcome.kind == Outcome::Kind::kAnswered) {
    JudgeAnswer(*outcome.answer, job.question, policy_, &judgement_);
    lookup.rcode = outcome.answer->rcode;
    const bool known = lookup.rcode == kRcodeNoError || lookup.rcode == kRcodeNxdomain;
    if (known && !judgement_.chain.refused()) lookup.result = Lookup::Result::kAnswered;
    if (outcome.validated) lookup.status = TargetStatus::kValidated;
    if (outcome.unsigned_zone) lookup.status = TargetStatus::kUnsigned;
    for (const Target& target : judgement_.targets) {
      if (target.role == TargetRole::kAnswer) lookup.targets.push_back(target);
    }
  }
  refresh_.OnLookup(std::move(lookup));
}

}  // namespace gate::dns
