// SPDX-License-Identifier: Apache-2.0
// Outgoing connections: a socket that never waits, on its way to one address and port.
#pragma once

#include <cstdint>

#include "base/ip_address.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace sys {

enum class DialProtocol : std::uint8_t { kTcp, kUdp };

// A non-blocking, close-on-exec socket whose connect(2) has begun: TCP may still be connecting (poll for writing, then
// SO_ERROR), UDP is connected. Whatever the kernel refuses at once is the error.
base::Result<base::UniqueFd> StartConnect(DialProtocol protocol, const base::IpEndpoint& to);

}  // namespace sys
