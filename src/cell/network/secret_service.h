// SPDX-License-Identifier: Apache-2.0
// Answers the gate's requests for secrets: it names one by its place in the plan and gets a value or a reason.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "cell/ports/secret_value.h"
#include "wire/gate_record.h"

namespace cell {

class SecretService {
 public:
  // Gives the value of a secret by its index in the plan.
  using Provider = std::function<base::Result<SecretValue>(std::uint32_t index)>;
  using OnDenied = std::function<void(std::uint32_t index, std::string_view reason)>;

  // `socket` is non-blocking from now on.
  static base::Result<SecretService> Create(base::UniqueFd socket, const base::Clock& clock);

  int fd() const { return socket_.get(); }
  // Until then every request is refused; from `expires_at` on it is "secret expired".
  void Open(Provider provider, OnDenied on_denied, base::BootTime expires_at);
  // From now on every request is refused.
  void Close() { provider_ = nullptr; }
  // Serves what waits, a bounded number. False: the gate is gone or broke the protocol.
  bool Serve(std::string* why);

 private:
  SecretService(base::UniqueFd socket, const base::Clock& clock) : socket_(std::move(socket)), clock_(&clock) {}
  void Answer(const wire::SecretRequest& request);
  void Refuse(const wire::SecretRequest& request, wire::SecretFault fault, std::string_view text);

  base::UniqueFd socket_;
  const base::Clock* clock_;  // not owned
  Provider provider_;
  OnDenied on_denied_;
  base::BootTime expires_at_{0};
};

}  // namespace cell
