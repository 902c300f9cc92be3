// SPDX-License-Identifier: Apache-2.0
// Codec of the agent's configuration.
#include "wire/agent_config.h"

#include "wire/blocks.h"

namespace wire {
namespace {

constexpr std::uint32_t kFlagFull = 1, kFlagOurs = 2;
constexpr std::size_t kHeaderBytes = 5 * 4;
constexpr std::uint32_t kPublishedSources = (1u << kPublishedProbeSources) - 1;

bool IsPath(Bytes path) {
  if (path.size < 2 || path.size > kMaxWatchPath || path.data[0] != '/') return false;
  std::size_t end = 0;
  while (end < path.size && path.data[end] != 0) ++end;
  return end + 1 == path.size;
}

AgentConfigFault Check(const AgentConfig& config) {
  if (config.sources == 0 || (config.sources & ~kPublishedSources) != 0) return AgentConfigFault::kSources;
  if (config.heartbeat_ms == 0 || config.heartbeat_ms > kMaxHeartbeatMs) return AgentConfigFault::kHeartbeat;
  const bool watches = (config.sources & SourceBit(ProbeSource::kFsInotifyFired)) != 0;
  if (watches ? !IsPath(config.watch_path) : config.watch_path.size != 0) return AgentConfigFault::kText;
  const std::size_t filter = config.filter.size;
  if (filter == 0 || filter % 8 != 0 || filter > kMaxFilterBytes) return AgentConfigFault::kFilter;
  return AgentConfigFault::kNone;
}

}  // namespace

std::size_t EncodedSize(const AgentConfig& config) {
  if (Check(config) != AgentConfigFault::kNone) return 0;
  return kHeaderBytes + 2 * 4 + config.watch_path.size + config.filter.size;
}

std::size_t EncodeAgentConfig(const AgentConfig& config, std::uint8_t* out, std::size_t size) {
  if (size == 0 || size != EncodedSize(config)) return 0;
  BlockWriter writer{out};
  writer.Natural(kAgentConfigMagic, 4);
  writer.Natural(size, 4);
  writer.Natural(config.sources, 4);
  writer.Natural((config.full ? kFlagFull : 0) | (config.ours ? kFlagOurs : 0), 4);
  writer.Natural(config.heartbeat_ms, 4);
  writer.Block(config.watch_path);
  writer.Block(config.filter);
  return size;
}

AgentConfigFault DecodeAgentConfig(Bytes bytes, AgentConfig* config) {
  *config = AgentConfig{};
  if (bytes.size > kMaxAgentConfigBytes) return AgentConfigFault::kTooLarge;
  if (bytes.size < kHeaderBytes) return AgentConfigFault::kTooShort;
  BlockReader reader{bytes.data, bytes.size};
  if (reader.Number() != kAgentConfigMagic) return AgentConfigFault::kMagic;
  if (reader.Number() != bytes.size) return AgentConfigFault::kSize;
  config->sources = reader.Number();
  const std::uint32_t flags = reader.Number();
  if ((flags & ~(kFlagFull | kFlagOurs)) != 0) return AgentConfigFault::kFlags;
  config->full = (flags & kFlagFull) != 0;
  config->ours = (flags & kFlagOurs) != 0;
  config->heartbeat_ms = reader.Number();
  config->watch_path = reader.Block();
  config->filter = reader.Block();
  if (reader.broken) return AgentConfigFault::kTooShort;
  if (reader.left != 0) return AgentConfigFault::kTrailing;
  return Check(*config);
}

}  // namespace wire
