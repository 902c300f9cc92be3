// SPDX-License-Identifier: Apache-2.0
// The anchor of a dead run: whatever a crash left in it, nothing but whole lines of ours may come out.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "cell/state/live_entry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto anchor = cell::ParseAnchor({reinterpret_cast<const char*>(data), size});
  for (const auto& process : anchor.processes) {
    if (process.pid <= 0) std::abort();  // 0 and negative numbers would name groups
  }
  return 0;
}
