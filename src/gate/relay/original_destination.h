// SPDX-License-Identifier: Apache-2.0
// Where a steered connection was going: a port, because only nftables in a cell's namespace can make it so.
#pragma once

#include "base/ip_address.h"
#include "sys/inet.h"

namespace gate {

class OriginalDestination {
 public:
  virtual ~OriginalDestination() = default;
  // False: nothing steered this connection; it was made to the listener itself.
  virtual bool Of(int socket, bool v6, base::IpEndpoint* destination) const = 0;
};

class KernelOriginalDestination final : public OriginalDestination {
 public:
  bool Of(int socket, bool v6, base::IpEndpoint* destination) const override {
    return sys::OriginalDestination(socket, v6, destination);
  }
};

}  // namespace gate
