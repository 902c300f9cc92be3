// SPDX-License-Identifier: Apache-2.0
// The init record: any bytes decode to a record within bounds or to a refusal; what decodes encodes back to itself.
#include <stdlib.h>
#include <string.h>

#include <cstdint>
#include <vector>

#include "wire/init_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wire::InitRecord record;
  if (wire::DecodeInitRecord({data, size}, &record) != wire::InitRecordFault::kNone) return 0;
  std::vector<const char*> list(record.argument_count + 1);
  wire::ListTexts(record.arguments, record.argument_count, list.data());
  for (std::uint32_t i = 0; i < record.argument_count; ++i) {
    const auto* end = reinterpret_cast<const char*>(data) + size;
    if (list[i] < reinterpret_cast<const char*>(data) || list[i] + strlen(list[i]) >= end) abort();
  }
  list.resize(record.environment_count + 1);
  wire::ListTexts(record.environment, record.environment_count, list.data());
  std::vector<std::uint8_t> again(wire::EncodedSize(record));
  if (again.size() != size || wire::EncodeInitRecord(record, again.data(), again.size()) != size) abort();
  if (memcmp(again.data(), data, size) != 0) abort();
  return 0;
}
