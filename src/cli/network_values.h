// SPDX-License-Identifier: Apache-2.0
// What people write about the network: who may be reached, and who resolves names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cli {

// "HOST[:PORT][/PROTOCOL]"; HOST is a name, *.name, an address (IPv6 in brackets where a port follows) or a CIDR. Port 443
// where none is given. What a host may look like is the document's business.
struct AllowedHost {
  std::string host;
  std::uint16_t port = 443;
  std::string protocol;  // https, http, tcp, udp; empty: by the port
  bool is_name = false;  // neither address nor CIDR
};
base::Result<AllowedHost> ParseAllowedHost(std::string_view text);

// "IP:PORT", "tls://IP[:PORT]" (853), "https://…": endpoint and protocol as the document has them.
struct ResolverAddress {
  std::string endpoint, protocol;
};
base::Result<ResolverAddress> ParseResolver(std::string_view text);

}  // namespace cli
