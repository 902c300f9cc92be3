// SPDX-License-Identifier: Apache-2.0
// Each value exists twice for a moment: in the broker's answer and as "NAME=value". Both are locked and wiped.
#include "cell/secrets.h"

#include <string.h>

#include <algorithm>

#include "cell/ports/broker.h"

namespace cell {
namespace {

constexpr std::string_view kReasonUnresolved = "unresolvable";

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
    const Recorded recorded = TRY(recorder.Emit(event::SecretDeliveredEvent(recorder.cell(), secret)));
    session.records_.push_back({.secret = secret, .delivered = recorded.leaf});
    if (is_identity) TRY(recorder.Emit(event::IdentityMaterializedEvent(recorder.cell(), *identity)));
  }
  for (const auto& [name, broker] : session.brokers_) broker->ForgetSources();
  return session;
}

base::Result<> SecretSession::DeliverOne(const plan::SecretPlan& wanted, const Settings& settings) {
  SecretBroker* broker = TRY(BrokerFor(wanted.broker, settings));
  const SecretValue value = TRY_WITH("secret " + wanted.name, broker->Resolve(wanted.key, cell_id_, std::chrono::seconds{0}));
  values_.push_back(TRY(Assignment(wanted.name, value)));
  return {};
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
  WipeValues();
  for (auto& [name, broker] : brokers_) {
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
