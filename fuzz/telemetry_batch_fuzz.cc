// SPDX-License-Identifier: Apache-2.0
// Packets of telemetry: any bytes give entries that lie inside them, or a refusal.
#include <stdlib.h>
#include <string.h>

#include <cstdint>
#include <vector>

#include "wire/telemetry_batch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wire::TelemetryBatchHeader header;
  if (wire::DecodeTelemetryBatch(data, size, &header) != wire::TelemetryBatchFault::kNone) return 0;
  std::vector<std::uint8_t> again(size);
  memcpy(again.data(), &header, sizeof header);
  std::size_t read = sizeof header, written = sizeof header;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const wire::TelemetryEntry entry = wire::NextTelemetryEntry(data, &read);
    if (!wire::AppendTelemetryEntry(entry.head, entry.frame, again.data(), again.size(), &written)) abort();
    if (read != written) abort();
  }
  if (read != size) abort();
  wire::TelemetryBatchHeader twice;
  if (wire::DecodeTelemetryBatch(again.data(), again.size(), &twice) != wire::TelemetryBatchFault::kNone) abort();
  return 0;
}
