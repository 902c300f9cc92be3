// SPDX-License-Identifier: Apache-2.0
// What comes over the process connector's socket.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "sys/process_connector.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto event = sys::ParseProcessEvent({data, size});
  if (event && size < 56) std::abort();
  if (event && event->killed_by() > 127) std::abort();
  return 0;
}
