// SPDX-License-Identifier: Apache-2.0
// What the cell's own processes tell the supervisor while a cell starts and ends: one fixed message per packet.
#pragma once

#include <cstdint>

namespace wire {

// The phases of a start, in order; each has a deadline and names itself in the error when it fails or hangs.
enum class StartPhase : std::uint32_t {
  kNamespaces, kIds, kMount, kNetwork, kHostname, kTerminal, kReaper, kProc, kRoot, kCredentials, kInit, kRecord,
  kSession, kRlimits, kWorkdir, kFilter, kAgent, kBarrier, kExec, kCount
};
inline constexpr const char* kPhaseNames[] = {
    "namespaces", "ids", "mount", "network", "hostname", "terminal", "reaper", "mount", "root", "credentials", "init",
    "init", "session", "rlimits", "workdir", "filter", "agent",
    "barrier", "exec"};
static_assert(sizeof kPhaseNames / sizeof kPhaseNames[0] == static_cast<unsigned>(StartPhase::kCount));

enum class ReportKind : std::uint32_t {
  kRoot = 1,     // one descriptor: the cell's root directory
  kTerminal,     // one descriptor: the pty's master
  kEntered,      // `phase` begins (told only before a phase that can hang)
  kFailed,       // the start failed in `phase` with `error`; `detail` names the object
  kReady,        // the workload's leader waits at the barrier; the sender's credentials give its pid
  kExecFailed,   // `error` of execve
  kEnded,        // the leader ended: `code` CLD_…, `status`
  kTtlExpired,   // init's own timer
  kDenials,      // one descriptor: /run/cellos/denials, open for writing
  kAgent,        // one descriptor: pidfd of the witness
  kAgentFailed,  // the witness ended before its time: `code` CLD_…, `status`; outer init ends the cell
  kAgentHung,    // the witness gave no sign any more; outer init ends the cell
  kNetfilter,    // two descriptors: netfilter sockets of the cell's network namespace, for the table and for NFLOG
};

struct InitReport {
  ReportKind kind;
  StartPhase phase = StartPhase::kNamespaces;
  std::int32_t error = 0, code = 0, status = 0;
  char detail[172] = {};  // NUL-terminated
};
static_assert(sizeof(InitReport) == 192);

// Descriptors of cellos-init. 0–2 are the workload's streams in the reaper, closed in outer init.
inline constexpr int kRecordFd = 3;   // sealed memory with one InitRecord
inline constexpr int kControlFd = 4;  // outer: death pipe; reaper: signals down (one byte each), reports up
inline constexpr int kBarrierFd = 5;  // reaper: passed to the leader alone
inline constexpr int kReaperFd = 5;   // outer: pidfd of the reaper
// With a witness only.
inline constexpr int kHandoverFd = 6;   // reaper: passed to the leader alone; seqpacket to the witness
inline constexpr int kAgentPidFd = 6;   // outer: pidfd of the witness
inline constexpr int kWatchPageFd = 7;  // outer: the AgentPage
inline constexpr int kFirstFreeFd = 8;

// Opens the barrier: this header, then `bytes` of "NAME=value" texts, each with its NUL.
struct BarrierHeader {
  std::uint32_t count = 0, bytes = 0;
};
inline constexpr std::uint32_t kMaxBarrierBytes = 1u << 20;
inline constexpr std::uint32_t kMaxBarrierTexts = 256;

}  // namespace wire
