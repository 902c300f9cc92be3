// SPDX-License-Identifier: Apache-2.0
// DNSSEC (RFC 4035) by libunbound: one validator for each resolver, which asks that resolver and nobody else.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "upstream/exchanger.h"
#include "upstream/loop.h"
#include "upstream/message.h"
#include "upstream/trust_anchors.h"
#include "wire/gate_record.h"

namespace upstream {

struct Validation {
  wire::UpstreamOutcome outcome = wire::UpstreamOutcome::kFailed;  // kValidated, kInsecure, kBogus, kFailed
  std::string packet;  // kValidated, kInsecure: the validator's own answer packet, with DNSSEC records, id 0
};

class Validator {
 public:
  virtual ~Validator() = default;
  using Answer = std::function<void(Validation)>;
  // Looks `question` (class IN) up and proves the answer or its absence. kInsecure: proven that the zone is not signed.
  // kFailed: no answer, no time, or no trust anchor stands above the name. `answer` comes once, never from within this call.
  virtual void Look(const Question& question, Answer answer) = 0;
};

// `resolver` outlives the validator and is asked over a forwarder on this network namespace's loopback, which must be up.
// `bound`: longest time of one lookup. kInvalid when libunbound can't read an anchor. Reads no file: no resolv.conf, hosts,
// root hints; asks no other server; answers nothing but "localhost" itself.
base::Result<std::unique_ptr<Validator>> MakeValidator(Loop& loop, Exchanger& resolver, const TrustAnchors& anchors,
                                                       std::chrono::milliseconds bound);

}  // namespace upstream
