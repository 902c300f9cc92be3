// SPDX-License-Identifier: Apache-2.0
// What the gate asks and is answered: whole DNS messages in and out, with what validation found.
#pragma once

#include <cstdint>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "upstream/dialler.h"
#include "upstream/exchanger.h"
#include "upstream/loop.h"
#include "upstream/tls.h"
#include "upstream/validator.h"
#include "upstream/validator_link.h"
#include "wire/gate_config.h"
#include "wire/gate_record.h"

namespace upstream {

// How one question of the gate ends; `answer` empty: there is none.
struct Outcome {
  wire::UpstreamOutcome outcome = wire::UpstreamOutcome::kFailed;
  SignatureOf signature;  // kValidated: of the answer's first RRSIG over the type asked
  std::string answer;
};

// One resolver of the plan with everything that its transport and its DNSSEC mode need.
class Resolver {
 public:
  // `tls` null: none is DoT or DoH; `validators` null: none is validated. Both outlive it.
  static base::Result<std::unique_ptr<Resolver>> Create(Loop& loop, Dialler& dialler, std::uint32_t index,
                                                        const wire::GateResolver& resolver, const TlsContext* tls,
                                                        ValidatorClient* validators, std::chrono::milliseconds upstream);
  using Answer = std::function<void(Outcome)>;
  // dns.md §5: off: the resolver's bytes, kAnswered. Else A, AAAA, CNAME, MX, TXT, SVCB and HTTPS are validated, and the answer
  // is the validator's; for other types kUnsupportedType, with the resolver's bytes but AD in best-effort mode, without
  // asking it when validation is required. kBogus and kFailed have no answer.
  void Ask(std::string query, Answer answer);

 private:
  Resolver(Loop& loop, wire::DnssecMode mode) : loop_(loop), mode_(mode) {}
  void Relay(std::string query, wire::UpstreamOutcome when_answered, Answer answer);
  Loop& loop_;
  wire::DnssecMode mode_;
  std::unique_ptr<Exchanger> exchanger_;
  std::unique_ptr<Validator> validator_;  // after what it asks
};

// Serves the gate's socket, which it does not own.
class Service final : private Handler {
 public:
  // `resolvers` by their index in the configuration; null where the gate asks by itself. `lost` is called when the gate is
  // gone. A packet that is no request is ignored; one that can't be served gets kFailed.
  Service(Loop& loop, int gate, std::vector<std::unique_ptr<Resolver>> resolvers, std::function<void()> lost)
      : loop_(loop), gate_(gate), resolvers_(std::move(resolvers)), lost_(std::move(lost)) {}
  base::Result<> Start() { return watch_.Start(loop_, gate_, Watch::kRead, this); }
  std::uint32_t in_flight() const { return in_flight_; }

 private:
  void OnReady(short what) override;
  void OnTimer() override {}
  void Serve(std::string_view packet);
  void Reply(std::uint64_t id, const Outcome& outcome);

  Loop& loop_;
  int gate_;
  std::vector<std::unique_ptr<Resolver>> resolvers_;
  std::function<void()> lost_;
  std::uint32_t in_flight_ = 0;
  std::string buffer_ = std::string(sizeof(wire::UpstreamRequest) + wire::kMaxDnsMessage, '\0');
  Watch watch_;
};

}  // namespace upstream
