// SPDX-License-Identifier: Apache-2.0
// What the kernel tells over NFLOG holds a workload's own bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "net/flow_log.h"
#include "net/table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto packet = net::ParseLogMessage(bytes);
  if (packet && packet->prefix.size() > 127) std::abort();
  const auto tuple = net::ParsePacket(bytes);
  if (tuple && tuple->source.v6 != tuple->destination.v6) std::abort();
  (void)net::CanonicalRules(bytes);
  return 0;
}
