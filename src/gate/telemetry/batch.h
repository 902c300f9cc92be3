// SPDX-License-Identifier: Apache-2.0
// One packet of telemetry while it is put together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "wire/telemetry_batch.h"

namespace gate {

class TelemetryBatch {
 public:
  TelemetryBatch() : bytes_(wire::kMaxTelemetryBatchBytes) {}

  // Whether an entry of any size can be added.
  bool HasRoom() const {
    return entries_ < wire::kMaxTelemetryBatchEntries && bytes_.size() - size_ >= wire::kMaxTelemetryEntryBytes;
  }
  // While it HasRoom.
  void Add(const wire::TelemetryEntryHead& head, const std::uint8_t* frame);
  // The packet, with `header` (but for its magic, size and entries) in front; valid until it is changed.
  std::span<const std::uint8_t> Seal(wire::TelemetryBatchHeader header);
  void Clear();
  std::uint32_t entries() const { return entries_; }

 private:
  std::vector<std::uint8_t> bytes_;
  std::size_t size_ = sizeof(wire::TelemetryBatchHeader);
  std::uint32_t entries_ = 0;
};

}  // namespace gate
