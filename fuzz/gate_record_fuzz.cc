// SPDX-License-Identifier: Apache-2.0
// Gate records: any bytes give a record whose texts end and whose words exist, or a refusal.
#include <stdlib.h>
#include <string.h>

#include <cstdint>

#include "wire/gate_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wire::GateRecord record;
  if (wire::DecodeGateRecord(data, size, &record) != wire::GateRecordFault::kNone) return 0;
  if (strnlen(record.name, sizeof record.name) == sizeof record.name) abort();
  if (strnlen(record.alpn, sizeof record.alpn) == sizeof record.alpn) abort();
  if (wire::ReasonText(record.reason) == nullptr) abort();
  char text[64];
  if (wire::FormatRuleRef(record.rule, nullptr, 0, text, sizeof text) >= sizeof text) abort();
  return 0;
}
