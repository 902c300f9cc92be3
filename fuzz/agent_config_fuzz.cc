// SPDX-License-Identifier: Apache-2.0
// The agent's configuration: any bytes decode within bounds or are refused; what decodes encodes back to itself.
#include <stdlib.h>
#include <string.h>

#include <cstdint>
#include <vector>

#include "wire/agent_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wire::AgentConfig config;
  if (wire::DecodeAgentConfig({data, size}, &config) != wire::AgentConfigFault::kNone) return 0;
  const auto inside = [&](wire::Bytes block) {
    return block.size == 0 || (block.data >= data && block.data + block.size <= data + size);
  };
  if (!inside(config.watch_path) || !inside(config.filter)) abort();
  if (config.watch_path.size != 0 &&
      strlen(reinterpret_cast<const char*>(config.watch_path.data)) + 1 != config.watch_path.size) {
    abort();
  }
  std::vector<std::uint8_t> again(wire::EncodedSize(config));
  if (again.size() != size || wire::EncodeAgentConfig(config, again.data(), again.size()) != size) abort();
  if (memcmp(again.data(), data, size) != 0) abort();
  return 0;
}
