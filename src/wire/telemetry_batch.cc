// SPDX-License-Identifier: Apache-2.0
// Packets of telemetry: written without copies but one, read with nothing taken on trust.
#include "wire/telemetry_batch.h"

#include <string.h>

#include "wire/utf8.h"

namespace wire {
namespace {

constexpr std::uint32_t kKnownFlags = kTelemetryEnded | kTelemetryFinal | kTelemetryBroken;

constexpr std::size_t Padded(std::size_t bytes) { return (bytes + 7) & ~std::size_t{7}; }

bool IsEvent(ProbeSource source) {
  return source < ProbeSource::kCount && source != ProbeSource::kAgentHeartbeat && source != ProbeSource::kAgentDropped;
}

bool SumsHold(const TelemetryCounts& counts) {
  // Wrapping is harmless here: a sum that holds only modulo 2^64 has members that no later comparison lets through.
  std::uint64_t sum = counts.accepted + counts.heartbeats + counts.over_rate;
  for (const std::uint64_t refused : counts.refused) sum += refused;
  return sum == counts.read;
}

bool FrameFits(const std::uint8_t* frame, std::uint32_t size) {
  const std::uint32_t body = frame[0] | std::uint32_t{frame[1]} << 8 | std::uint32_t{frame[2]} << 16 |
                             std::uint32_t{frame[3]} << 24;
  return body == size - kFrameHeader;
}

// Judges the entry at `*offset` and moves behind it.
TelemetryBatchFault CheckEntry(const std::uint8_t* bytes, std::size_t size, std::size_t* offset, std::uint64_t* at_ns) {
  TelemetryEntryHead head;
  if (size - *offset < sizeof head) return TelemetryBatchFault::kEntry;
  memcpy(&head, bytes + *offset, sizeof head);
  if (!IsEvent(head.source) || head.comm_size > kMaxGuestComm || head.frame_bytes <= kFrameHeader ||
      head.frame_bytes > kFrameHeader + kMaxFrameBody) {
    return TelemetryBatchFault::kEntry;
  }
  if (head.at_ns < *at_ns) return TelemetryBatchFault::kTime;
  *at_ns = head.at_ns;
  *offset += sizeof head;
  if (size - *offset < Padded(head.frame_bytes)) return TelemetryBatchFault::kFrame;
  if (!FrameFits(bytes + *offset, head.frame_bytes)) return TelemetryBatchFault::kFrame;
  *offset += Padded(head.frame_bytes);
  return IsUtf8(reinterpret_cast<const std::uint8_t*>(head.comm), head.comm_size) ? TelemetryBatchFault::kNone : TelemetryBatchFault::kText;
}

TelemetryBatchFault CheckHeader(const TelemetryBatchHeader& header, std::size_t size) {
  if (header.magic != kTelemetryBatchMagic) return TelemetryBatchFault::kMagic;
  if (header.size != size) return TelemetryBatchFault::kSize;
  if ((header.flags & ~kKnownFlags) != 0) return TelemetryBatchFault::kFlags;
  if (header.entries > kMaxTelemetryBatchEntries || header.entries > header.counts.accepted) {
    return TelemetryBatchFault::kCount;
  }
  if (!SumsHold(header.counts)) return TelemetryBatchFault::kSums;
  return header.alive_at_ns <= header.at_ns ? TelemetryBatchFault::kNone : TelemetryBatchFault::kTime;
}

}  // namespace

TelemetryBatchFault DecodeTelemetryBatch(const std::uint8_t* bytes, std::size_t size, TelemetryBatchHeader* header) {
  if (size < sizeof *header || size > kMaxTelemetryBatchBytes) return TelemetryBatchFault::kSize;
  memcpy(header, bytes, sizeof *header);
  if (const auto fault = CheckHeader(*header, size); fault != TelemetryBatchFault::kNone) return fault;
  std::size_t offset = sizeof *header;
  std::uint64_t at_ns = 0;
  for (std::uint32_t i = 0; i < header->entries; ++i) {
    if (const auto fault = CheckEntry(bytes, size, &offset, &at_ns); fault != TelemetryBatchFault::kNone) return fault;
  }
  if (at_ns > header->at_ns) return TelemetryBatchFault::kTime;
  return offset == size ? TelemetryBatchFault::kNone : TelemetryBatchFault::kSize;
}

TelemetryEntry NextTelemetryEntry(const std::uint8_t* bytes, std::size_t* offset) {
  TelemetryEntry entry;
  memcpy(&entry.head, bytes + *offset, sizeof entry.head);
  entry.frame = bytes + *offset + sizeof entry.head;
  *offset += sizeof entry.head + Padded(entry.head.frame_bytes);
  return entry;
}

bool AppendTelemetryEntry(const TelemetryEntryHead& head, const std::uint8_t* frame, std::uint8_t* out, std::size_t size,
                          std::size_t* offset) {
  const std::size_t padded = Padded(head.frame_bytes);
  if (*offset > size || size - *offset < sizeof head + padded) return false;
  memcpy(out + *offset, &head, sizeof head);
  *offset += sizeof head;
  memcpy(out + *offset, frame, head.frame_bytes);
  memset(out + *offset + head.frame_bytes, 0, padded - head.frame_bytes);
  *offset += padded;
  return true;
}

}  // namespace wire
