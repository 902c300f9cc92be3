// SPDX-License-Identifier: Apache-2.0
// TLS hellos: read in one piece or byte by byte they are the same, and what was fed is what is kept.
#include <stdlib.h>

#include <cstdint>
#include <string>

#include "gate/l7/client_hello.h"

using gate::l7::HelloReader;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > gate::l7::kMaxHelloOnWire) return 0;
  HelloReader whole, slow;
  const auto state = whole.Feed({data, size});
  auto last = HelloReader::State::kMore;
  std::size_t fed = 0;
  while (fed < size && last == HelloReader::State::kMore) last = slow.Feed({data + fed++, 1});
  if (last != state || whole.fault() != slow.fault()) abort();
  if (whole.raw() != std::string(reinterpret_cast<const char*>(data), size)) abort();
  if (state == HelloReader::State::kFault && whole.FaultAtEnd() == gate::l7::HelloFault::kNone) abort();
  if (state != HelloReader::State::kDone) return 0;
  // Bytes behind the hello change nothing of what it says.
  if (whole.hello().name != slow.hello().name || whole.hello().has_name != slow.hello().has_name) abort();
  if (whole.hello().alpn != slow.hello().alpn || whole.hello().alpn.size() > 31) abort();
  if (whole.hello().encrypted != slow.hello().encrypted) abort();
  if ((whole.hello().irregular == nullptr) != (slow.hello().irregular == nullptr)) abort();
  return 0;
}
