// SPDX-License-Identifier: Apache-2.0
// Port: where secret values come from.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cell/ports/secret_value.h"

namespace cell {

class SecretBroker {
 public:
  virtual ~SecretBroker() = default;
  virtual std::string_view name() const = 0;
  // The value of `key` for this cell. Error text never holds a value.
  virtual base::Result<SecretValue> Resolve(std::string_view key, std::string_view cell_id, std::chrono::seconds ttl) = 0;
  // After the last Resolve of a run, before the barrier opens: wipes the values that this process itself still holds
  // (its own environment), so that no later Resolve finds them.
  virtual void ForgetSources() {}
  // At every teardown; true when something was revoked, false when there is nothing to revoke.
  virtual base::Result<bool> RevokeForCell(std::string_view cell_id) = 0;
};

}  // namespace cell
