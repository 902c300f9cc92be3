// SPDX-License-Identifier: Apache-2.0
// The part of cellos-upstream that runs libunbound: a process of its own, forked before anything is dialled, with one socket to
// the relay and its network namespace's empty loopback.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"
#include "upstream/trust_anchors.h"
#include "wire/gate_config.h"

namespace upstream {

struct ValidatorPart {
  base::UniqueFd socket;    // the relay's end of the link
  std::uint32_t facts = 0;  // of its lock, as wire::GateLock
};

// Forks it, one validator for each resolver with DNSSEC on, and waits until it is locked. Its descriptors are its end of the
// link and nothing of ours. It ends when the link does. The error tells what it could not do.
base::Result<ValidatorPart> StartValidatorPart(std::span<const wire::GateResolver> resolvers, const TrustAnchors& anchors,
                                               std::chrono::milliseconds bound, wire::Bytes filter);

}  // namespace upstream
