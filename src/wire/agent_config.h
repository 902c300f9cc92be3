// SPDX-License-Identifier: Apache-2.0
// What cellos-telemetry, the witness inside a cell, is given at its start: one block of sealed memory, its descriptors,
// and the page by which outer init sees that it lives.
//
// Little-endian: magic, total size, fixed fields, then the counted blocks in the order of AgentConfig. Decoding is
// total: any bytes give a view whose every pointer lies inside them, or a refusal.
#pragma once

#include <cstddef>
#include <cstdint>

#include "wire/init_record.h"
#include "wire/telemetry_frame.h"

namespace wire {

inline constexpr std::uint32_t kAgentConfigMagic = 0x31474143;  // "CAG1"
inline constexpr std::size_t kMaxWatchPath = 4096;

// Bit of a source in `AgentConfig::sources`.
constexpr std::uint32_t SourceBit(ProbeSource source) { return 1u << static_cast<unsigned>(source); }

struct AgentConfig {
  std::uint32_t sources = 0;       // what the document declared; nothing else is reported
  bool full = false;               // telemetry.processDetail `full`: every clone is notified, every death has its cause
  bool ours = false;               // the host asked for agent.heartbeat, agent.dropped and agent.exit_status
  std::uint32_t heartbeat_ms = 2000;
  Bytes watch_path = {};           // fs.inotify_fired: one absolute path in the cell with its NUL; else empty
  Bytes filter = {};               // the agent's own: raw struct sock_filter[], never empty
};

inline constexpr std::uint32_t kMaxHeartbeatMs = 60'000;  // at least 1
// Header, the longest path with its NUL, the longest filter.
inline constexpr std::size_t kMaxAgentConfigBytes = 7 * 4 + kMaxWatchPath + kMaxFilterBytes;

enum class AgentConfigFault : std::uint8_t {
  kNone, kTooShort, kTooLarge, kMagic, kSize,
  kSources,  // none, or one that is not published
  kFlags, kHeartbeat,
  kText,     // a path without NUL or not absolute, one that nobody declared, or none where one is declared
  kFilter, kTrailing
};
std::size_t EncodedSize(const AgentConfig& config);  // 0 when it breaks a bound
// Writes exactly EncodedSize(config) bytes to `out`; the count, or 0 when `size` is not that.
std::size_t EncodeAgentConfig(const AgentConfig& config, std::uint8_t* out, std::size_t size);
AgentConfigFault DecodeAgentConfig(Bytes bytes, AgentConfig* config);

// Descriptors of cellos-telemetry.
inline constexpr int kAgentConfigFd = 3;    // sealed memory with one AgentConfig
inline constexpr int kAgentChannelFd = 4;   // connected stream to the receiver; frames of telemetry.md §1.1
inline constexpr int kAgentProcFd = 5;      // directory: a procfs of the outer pid namespace, mounted nowhere
inline constexpr int kAgentHandoverFd = 6;  // seqpacket: the leader passes the listener of its filter, is answered one
                                            // byte: kAgentArmed, or the errno of what the agent could not set up
inline constexpr int kAgentPageFd = 7;      // sealed memory of one AgentPage, mapped shared by agent and outer init
inline constexpr int kAgentFirstFreeFd = 8;
inline constexpr std::uint8_t kAgentArmed = 0;

// How cellos-telemetry ends by itself.
inline constexpr int kAgentExitTold = 0;     // nobody is left to watch, and everything was told
inline constexpr int kAgentExitFailed = 3;   // its start failed, or its loop did
inline constexpr int kAgentExitUntold = 4;   // nobody is left to watch, but the channel did not take everything in time

// Shared by the agent, which writes, and outer init, which reads. Lies in no memory that the workload can reach.
struct AgentPage {
  std::uint64_t beat;      // rises at least every kAgentBeatMs while the agent can do its work
  std::uint64_t taken;     // notifications received
  std::uint64_t answered;  // notifications answered, or found to be withdrawn
  std::uint32_t finished;  // 1: everything was told, the agent is about to exit 0
  std::uint32_t pad;
};
inline constexpr std::uint32_t kAgentBeatMs = 100;   // at the latest
inline constexpr std::uint32_t kAgentHangMs = 900;   // without a beat, the agent counts as hung and outer init ends the cell
inline constexpr std::uint32_t kAgentFlushMs = 500;  // what the agent gets, once the workload is gone, to tell the rest

}  // namespace wire
