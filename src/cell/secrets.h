// SPDX-License-Identifier: Apache-2.0
// The secrets of one run: fetched before the start, handed over at the barrier or on request, wiped and revoked at the end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cell/ports/secret_broker.h"
#include "cell/recorder.h"
#include "cell/secret_traces.h"
#include "cell/settings.h"
#include "event/identity_events.h"
#include "plan/plan.h"

namespace cell {

// When and how one secret was handed over, for the seal.
struct SecretRecord {
  event::Secret secret;
  std::optional<event::LeafIndex> delivered, revoked;
};

// Deliveries (documents.md §7.2): `env` hands every value over at the barrier; `runtimeBroker` keeps them and gives them on
// request; `runtimeLeasedBroker` asks the broker anew at each request.
class SecretSession {
 public:
  // Asks each secret's broker for its value, in order; the first failure ends the start, with a denial event. Events
  // never hold a value. The identity's secret is one of `plan.secrets`. What is delivered on request counts as delivered
  // when it is requested first.
  static base::Result<SecretSession> Deliver(const plan::Plan& plan, const Settings& settings,
                                             const std::optional<event::Identity>& identity, Recorder& recorder);

  // "NAME=value" of each secret, in locked memory until WipeValues.
  std::vector<std::string_view> environment() const;
  // Drops the values of the environment; call once they were handed to the cell.
  void WipeValues() { values_.clear(); }

  // The value of secret `index` of the plan for a workload that asked for it, as asked through the gate; records the
  // hand-over. The error's text is for the workload.
  base::Result<SecretValue> HandOver(std::uint32_t index, Recorder& recorder);
  // A request that was refused before it came here.
  void TellDenied(std::optional<std::uint32_t> index, std::string_view reason, Recorder& recorder);

  // Tells the number of requests that have no event of their own, asks every broker to revoke and records the outcome for
  // each secret.
  void Revoke(Recorder& recorder);
  const std::vector<SecretRecord>& records() const { return records_; }
  // Of every value that was resolved: what a workload puts into names is masked by it.
  const SecretTraces& traces() const { return traces_; }

 private:
  base::Result<> DeliverOne(const plan::SecretPlan& wanted, const Settings& settings);
  base::Result<> TellDelivered(SecretRecord& record, Recorder& recorder);
  event::Secret SecretOf(std::optional<std::uint32_t> index) const;
  void TellRest(Recorder& recorder);
  base::Result<SecretBroker*> BrokerFor(const std::string& name, const Settings& settings);

  std::vector<std::pair<std::string, std::unique_ptr<SecretBroker>>> brokers_;
  std::vector<SecretValue> values_;
  std::vector<SecretRecord> records_;              // as plan.secrets
  std::vector<plan::SecretPlan> wanted_;
  std::vector<std::optional<SecretValue>> kept_;   // runtimeBroker, as plan.secrets
  std::vector<std::uint64_t> handed_over_;         // on request, as plan.secrets
  std::uint32_t denials_told_ = 0;
  using DenialKind = std::pair<std::optional<std::uint32_t>, std::string>;  // secret, reason
  std::map<DenialKind, std::uint64_t> further_denials_;
  SecretTraces traces_;
  std::string cell_id_;
};

}  // namespace cell
