// SPDX-License-Identifier: Apache-2.0
// The secrets of one run: fetched before the start, handed over at the barrier, wiped and revoked at the end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cell/ports/secret_broker.h"
#include "cell/recorder.h"
#include "cell/settings.h"
#include "event/identity_events.h"
#include "plan/plan.h"

namespace cell {

// When and how one secret was handed over, for the seal.
struct SecretRecord {
  event::Secret secret;
  std::optional<event::LeafIndex> delivered, revoked;
};

class SecretSession {
 public:
  // Asks each secret's broker for its value, in order; the first failure ends the start, with a denial event. Events
  // never hold a value. The identity's secret is one of `plan.secrets`.
  static base::Result<SecretSession> Deliver(const plan::Plan& plan, const Settings& settings,
                                             const std::optional<event::Identity>& identity, Recorder& recorder);

  // "NAME=value" of each secret, in locked memory until WipeValues.
  std::vector<std::string_view> environment() const;
  // Drops the values; call once they were handed to the cell.
  void WipeValues() { values_.clear(); }

  // Asks every broker to revoke and records the outcome for each secret.
  void Revoke(Recorder& recorder);
  const std::vector<SecretRecord>& records() const { return records_; }

 private:
  base::Result<> DeliverOne(const plan::SecretPlan& wanted, const Settings& settings);
  base::Result<SecretBroker*> BrokerFor(const std::string& name, const Settings& settings);

  std::vector<std::pair<std::string, std::unique_ptr<SecretBroker>>> brokers_;
  std::vector<SecretValue> values_;
  std::vector<SecretRecord> records_;
  std::string cell_id_;
};

}  // namespace cell
