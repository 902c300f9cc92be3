// SPDX-License-Identifier: Apache-2.0
// A gate's configuration: any bytes give views that lie inside them and texts that end, or a refusal.
#include <stdlib.h>
#include <string.h>

#include <cstdint>
#include <vector>

#include "wire/gate_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint64_t> words((size + 7) / 8);  // decoding asks for alignment
  if (size != 0) memcpy(words.data(), data, size);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(words.data());
  wire::GateConfig config;
  if (wire::DecodeGateConfig({bytes, size}, &config) != wire::GateConfigFault::kNone) return 0;
  if (config.filter.data + config.filter.size != bytes + size) abort();
  for (std::uint32_t i = 0; i < config.header->rules; ++i) {
    if (strnlen(config.rules[i].host, sizeof config.rules[i].host) == sizeof config.rules[i].host) abort();
  }
  for (std::uint32_t i = 0; i < config.header->names; ++i) {
    if (strnlen(config.names[i].pattern, sizeof config.names[i].pattern) == sizeof config.names[i].pattern) abort();
  }
  return 0;
}
