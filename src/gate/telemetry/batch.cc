// SPDX-License-Identifier: Apache-2.0
// One packet of telemetry.
#include "gate/telemetry/batch.h"

#include <cstring>

namespace gate {

void TelemetryBatch::Add(const wire::TelemetryEntryHead& head, const std::uint8_t* frame) {
  if (wire::AppendTelemetryEntry(head, frame, bytes_.data(), bytes_.size(), &size_)) ++entries_;
}

std::span<const std::uint8_t> TelemetryBatch::Seal(wire::TelemetryBatchHeader header) {
  header.magic = wire::kTelemetryBatchMagic;
  header.size = static_cast<std::uint32_t>(size_);
  header.entries = entries_;
  std::memcpy(bytes_.data(), &header, sizeof header);
  return {bytes_.data(), size_};
}

void TelemetryBatch::Clear() {
  size_ = sizeof(wire::TelemetryBatchHeader);
  entries_ = 0;
}

}  // namespace gate
