// SPDX-License-Identifier: Apache-2.0
// Each value exists twice for a moment: in the broker's answer and as "NAME=value". Both are locked and wiped.
#include "cell/secrets.h"

#include <string.h>

#include <algorithm>

#include "cell/ports/broker.h"

namespace cell {
namespace {

constexpr std::string_view kReasonUnresolved = "unresolvable";
constexpr std::string_view kRuntimeBroker = "runtimeBroker", kRuntimeLeased = "runtimeLeasedBroker";
// A workload that asks in a loop must not fill the log: what comes after is told once, by its number.
constexpr std::uint32_t kHandOversTold = 16, kDenialsTold = 100;

base::Result<SecretValue> Assignment(const std::string& name, const SecretValue& value) {
  std::string text;
  text.reserve(name.size() + 1 + value.view().size());
  text.append(name).append("=").append(value.view());
  auto copy = SecretValue::Copy(text);
  explicit_bzero(text.data(), text.size());
  return copy;
}

}  // namespace

base::Result<SecretSession> SecretSession::Deliver(const plan::Plan& plan, const Settings& settings,
                                                   const std::optional<event::Identity>& identity, Recorder& recorder) {
  SecretSession session;
  session.cell_id_ = plan.cell_id;
  for (const plan::SecretPlan& wanted : plan.secrets) {
    const event::Secret secret{wanted.name, wanted.broker, wanted.delivery};
    const bool is_identity = identity && identity->secret_ref == wanted.name;
    auto delivered = session.DeliverOne(wanted, settings);
    if (!delivered) {
      recorder.TryEmit(event::SecretDeniedEvent(recorder.cell(), secret, kReasonUnresolved));
      if (is_identity) {
        recorder.TryEmit(event::IdentityFailedEvent(recorder.cell(), *identity, event::IdentityOperation::kMaterialize,
                                                    delivered.error().message));
      }
      return std::unexpected(std::move(delivered).error());
    }
    session.records_.push_back({.secret = secret});
    session.wanted_.push_back(wanted);
    if (wanted.delivery == "env") TRY(session.TellDelivered(session.records_.back(), recorder));
    if (is_identity) TRY(recorder.Emit(event::IdentityMaterializedEvent(recorder.cell(), *identity)));
  }
  session.handed_over_.resize(session.wanted_.size());
  const bool leased = std::ranges::any_of(plan.secrets, [](const auto& s) { return s.delivery == kRuntimeLeased; });
  if (!leased) {
    for (const auto& [name, broker] : session.brokers_) broker->ForgetSources();
  }
  return session;
}

base::Result<> SecretSession::DeliverOne(const plan::SecretPlan& wanted, const Settings& settings) {
  SecretBroker* broker = TRY(BrokerFor(wanted.broker, settings));
  SecretValue value = TRY_WITH("secret " + wanted.name, broker->Resolve(wanted.key, cell_id_, std::chrono::seconds{0}));
  traces_.Add(value.view());
  kept_.emplace_back();
  if (wanted.delivery == "env") {
    values_.push_back(TRY(Assignment(wanted.name, value)));
  } else if (wanted.delivery == kRuntimeBroker) {
    kept_.back() = std::move(value);
  }
  return {};
}

base::Result<> SecretSession::TellDelivered(SecretRecord& record, Recorder& recorder) {
  const Recorded recorded = TRY(recorder.Emit(event::SecretDeliveredEvent(recorder.cell(), record.secret)));
  if (!record.delivered) record.delivered = recorded.leaf;
  return {};
}

base::Result<SecretValue> SecretSession::HandOver(std::uint32_t index, Recorder& recorder) {
  if (index >= wanted_.size()) return base::Fail(base::ErrorKind::kNotFound, "unknown secret key");
  const plan::SecretPlan& wanted = wanted_[index];
  const auto resolve = [&]() -> base::Result<SecretValue> {
    if (kept_[index]) return SecretValue::Copy(kept_[index]->view());
    const auto known =
        std::ranges::find_if(brokers_, [&](const auto& entry) { return entry.first == wanted.broker; });
    if (wanted.delivery != kRuntimeLeased || known == brokers_.end()) {
      return base::Fail(base::ErrorKind::kNotFound, "unknown secret key");
    }
    auto fresh = known->second->Resolve(wanted.key, cell_id_, std::chrono::seconds{0});
    if (fresh) traces_.Add(fresh->view());
    return fresh;
  };
  auto value = resolve();
  if (!value) {
    TellDenied(index, kReasonUnresolved, recorder);
    return value;
  }
  if (++handed_over_[index] <= kHandOversTold) TRY(TellDelivered(records_[index], recorder));
  return value;
}

void SecretSession::TellDenied(std::optional<std::uint32_t> index, std::string_view reason, Recorder& recorder) {
  if (index && *index >= records_.size()) index.reset();
  if (denials_told_ >= kDenialsTold) {
    ++further_denials_[{index, std::string(reason)}];
    return;
  }
  ++denials_told_;
  recorder.TryEmit(event::SecretDeniedEvent(recorder.cell(), SecretOf(index), reason));
}

event::Secret SecretSession::SecretOf(std::optional<std::uint32_t> index) const {
  if (index) return records_[*index].secret;
  return {.name = "(unknown)", .broker = "-", .delivery = std::string(kRuntimeBroker)};
}

void SecretSession::TellRest(Recorder& recorder) {
  for (std::size_t i = 0; i < handed_over_.size(); ++i) {
    if (handed_over_[i] <= kHandOversTold) continue;
    recorder.TryEmit(
        event::SecretDeliveredEvent(recorder.cell(), records_[i].secret, handed_over_[i] - kHandOversTold));
  }
  handed_over_.clear();
  for (const auto& [what, count] : std::exchange(further_denials_, {})) {
    recorder.TryEmit(event::SecretDeniedEvent(recorder.cell(), SecretOf(what.first), what.second, count));
  }
}

base::Result<SecretBroker*> SecretSession::BrokerFor(const std::string& name, const Settings& settings) {
  const auto known = std::find_if(brokers_.begin(), brokers_.end(), [&](const auto& entry) { return entry.first == name; });
  if (known != brokers_.end()) return known->second.get();
  brokers_.emplace_back(name, TRY(MakeBroker(name, {.sources = settings.secret_sources})));
  return brokers_.back().second.get();
}

std::vector<std::string_view> SecretSession::environment() const {
  std::vector<std::string_view> entries;
  for (const SecretValue& value : values_) entries.push_back(value.view());
  return entries;
}

void SecretSession::Revoke(Recorder& recorder) {
  TellRest(recorder);
  WipeValues();
  kept_.clear();
  wanted_.clear();
  for (auto& [name, broker] : brokers_) {
    broker->ForgetSources();
    const auto revoked = broker->RevokeForCell(cell_id_);
    const auto outcome = revoked && *revoked ? event::RevokeOutcome::kRevoked : event::RevokeOutcome::kNotRevocable;
    for (SecretRecord& record : records_) {
      if (record.secret.broker != name || record.revoked) continue;
      if (auto told = recorder.TryEmit(event::SecretRevokedEvent(recorder.cell(), record.secret, outcome))) {
        record.revoked = told->leaf;
      }
    }
  }
}

}  // namespace cell
