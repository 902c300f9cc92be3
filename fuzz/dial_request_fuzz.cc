// SPDX-License-Identifier: Apache-2.0
// Dial requests: any bytes give a target with a port and an address of its family, or a refusal.
#include <stdlib.h>

#include <cstdint>

#include "wire/gate_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wire::DialRequest request;
  if (wire::DecodeDialRequest(data, size, &request) != wire::GateRecordFault::kNone) return 0;
  if (request.port == 0 || request.v6 > 1) abort();
  for (std::size_t i = 4; request.v6 == 0 && i < 16; ++i) {
    if (request.address[i] != 0) abort();
  }
  return 0;
}
