// SPDX-License-Identifier: Apache-2.0
// The queue of lookups and what is told of them.
#include "gate/dns/refresh.h"

#include <algorithm>
#include <cstring>

#include "gate/dns/proxy_record.h"

namespace gate::dns {
namespace {

using wire::GateRecord;
using wire::GateRecordKind;

bool IsPattern(std::string_view name) { return name.starts_with("*."); }

}  // namespace

void Refresh::Start() {
  const wire::GateRefresh& config = grants_.header().refresh;
  if (config.resolve_egress != 0) {
    for (const wire::GateRule& rule : grants_.rules()) {
      if (rule.form == wire::HostForm::kName) Enqueue(rule.host, wire::TargetPurpose::kResolveEgress, rule.port);
    }
  }
  if (config.manual == 0) {
    if (config.at_start != 0) EnqueueNames(wire::TargetPurpose::kRefreshAtStart);
    if (config.continuous != 0 && config.interval_s > 0) {
      timer_ = loop_.At(loop_.Now() + std::chrono::seconds(config.interval_s), [this] { Tick(); });
    }
  }
  Next();
}

void Refresh::Enqueue(std::string_view name, wire::TargetPurpose purpose, std::uint16_t port) {
  const bool waits = std::ranges::any_of(
      tasks_, [&](const Task& task) { return task.name == name && task.purpose == purpose; });
  if (!IsPattern(name) && !waits) tasks_.push_back({std::string(name), purpose, port});
}

void Refresh::EnqueueNames(wire::TargetPurpose purpose) {
  for (const AskableName& name : grants_.names()) Enqueue(name.pattern, purpose);
}

// Each tick looks up what is older than the floor.
void Refresh::Tick() {
  const wire::GateRefresh& config = grants_.header().refresh;
  timer_ = loop_.At(loop_.Now() + std::chrono::seconds(config.interval_s), [this] { Tick(); });
  for (const AskableName& name : grants_.names()) {
    const auto last = refreshed_.find(name.pattern);
    if (last != refreshed_.end()) {
      const base::BootTime age = loop_.Now() - last->second;
      const bool stale = config.max_stale_s > 0 && age >= std::chrono::seconds(config.max_stale_s);
      if (age < std::chrono::seconds(config.min_ttl_s) && !stale) continue;
    }
    Enqueue(name.pattern, wire::TargetPurpose::kRefreshTick);
  }
  Next();
}

void Refresh::OnRequest(std::uint32_t name) {
  if (name >= grants_.names().size()) return;
  Enqueue(grants_.names()[name].pattern, wire::TargetPurpose::kRefreshTick);
  Next();
}

void Refresh::Stop() {
  loop_.Cancel(timer_);
  timer_ = 0;
  tasks_.clear();
}

void Refresh::Next() {
  if (lookups_left_ > 0 || tasks_.empty()) return;
  lookups_.clear();
  lookups_left_ = 2;
  const std::string name = tasks_.front().name;
  host_.StartLookup(name, kTypeA);
  host_.StartLookup(name, kTypeAaaa);
}

void Refresh::OnLookup(Lookup lookup) {
  if (lookups_left_ == 0) return;
  lookups_.push_back(std::move(lookup));
  if (--lookups_left_ > 0) return;
  if (!tasks_.empty()) {
    Finish();
    tasks_.pop_front();
  }
  // Not from within: a lookup that fails at once must not nest as deep as the list is long.
  loop_.At(loop_.Now(), [this] { Next(); });
}

void Refresh::ReportFault(const Lookup& lookup) {
  GateRecord record;
  record.kind = GateRecordKind::kDnssecFailed;
  record.kind2 = GateRecordKind::kTargetsEnd;
  record.reason = wire::GateReason::kDeniedDnssec;
  record.rule = {wire::RuleKind::kDnssec};
  record.code = static_cast<std::uint32_t>(lookup.fault);
  record.resolver = lookup.resolver;
  PutName(tasks_.front().name, &record);
  reporter_.Report(record);
}

void Refresh::Finish() {
  const Task& task = tasks_.front();
  const bool always = task.purpose == wire::TargetPurpose::kResolveEgress;
  std::vector<Target> targets;
  GateRecord end;
  end.kind = GateRecordKind::kTargetsEnd;
  end.code = static_cast<std::uint32_t>(task.purpose);
  end.port = task.port;
  bool failed = false, told = false, empty = false;
  for (const Lookup& lookup : lookups_) {
    const bool faulty = lookup.result == Lookup::Result::kNotValidated || lookup.status == TargetStatus::kUnsigned;
    if (faulty && !std::exchange(told, true)) ReportFault(lookup);
    if (lookup.result == Lookup::Result::kNotValidated) {
      end.count2 = static_cast<std::uint32_t>(TargetStatus::kValidationFailed);
      (lookup.fail_closed ? empty : failed) = true;
    } else if (lookup.result == Lookup::Result::kFailed) {
      failed = true;
    }
    end.count2 = std::max(end.count2, static_cast<std::uint32_t>(lookup.status));
    if (lookup.resolver != kNoResolver) end.resolver = lookup.resolver;
    end.rcode = std::max<std::uint8_t>(end.rcode == 0xff ? 0 : end.rcode, lookup.rcode);
    targets.insert(targets.end(), lookup.targets.begin(), lookup.targets.end());
  }
  if (failed && !empty && !always) return;  // nothing is known: what was known stays
  if (failed || empty) {
    targets.clear();
    if (failed) end.rcode = kRcodeServfail;
  }
  host_.JudgeTargets(task.name, end.resolver, &targets);
  std::erase_if(targets, [](const Target& target) { return target.refusal.refused(); });
  std::ranges::sort(targets, {}, [](const Target& target) { return target.address; });
  const auto same = std::ranges::unique(targets, {}, [](const Target& target) { return target.address; });
  targets.erase(same.begin(), same.end());
  if (targets.size() > kMaxTargets) targets.resize(kMaxTargets);

  for (const Target& target : targets) {
    GateRecord record;
    record.kind = GateRecordKind::kTarget;
    record.v6 = target.address.v6;
    std::memcpy(record.address, target.address.bytes.data(), sizeof record.address);
    record.ttl_s = target.ttl_s;
    end.ttl_s = end.count == 0 ? target.ttl_s : std::min(end.ttl_s, target.ttl_s);
    ++end.count;
    PutName(task.name, &record);
    reporter_.Report(record);
    host_.CreditTarget(task.name, target);
  }
  PutName(task.name, &end);
  reporter_.Report(end);
  if (task.purpose == wire::TargetPurpose::kRefreshTick) refreshed_[task.name] = loop_.Now();
}

}  // namespace gate::dns
