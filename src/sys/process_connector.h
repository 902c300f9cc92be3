// SPDX-License-Identifier: Apache-2.0
// The kernel's process connector: every fork, exec and exit of the machine, told over netlink as it happens.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sys {

// One event; pids are those of the machine's first pid namespace.
struct ProcessEvent {
  enum class Kind : std::uint8_t { kFork, kExec, kExit, kOther };
  Kind kind = Kind::kOther;
  std::uint32_t cpu = 0;
  std::uint32_t sequence = 0;     // counts the events of this CPU, kOther included, whoever listens
  std::uint64_t at_ns = 0;        // CLOCK_MONOTONIC
  pid_t thread = 0, process = 0;  // kFork: what was made; process == thread: a process, else a thread of it
  pid_t parent_process = 0;       // kFork: of a process, who made it (of a thread, that process's parent)
  std::uint32_t status = 0;       // kExit: as wait(2) gives it; its low 7 bits are the signal that killed
  bool is_process_start() const { return kind == Kind::kFork && thread == process; }
  int killed_by() const { return static_cast<int>(status & 0x7f); }
};

// One datagram: its event; nullopt when it is none (no message of this connector, an answer without a number, torn).
// Total.
std::optional<ProcessEvent> ParseProcessEvent(std::span<const std::uint8_t> datagram);

// A subscription. System-wide and unfiltered: whoever holds it is woken by every process of the machine.
class ProcessConnector {
 public:
  // kUnavailable, with the reason, where the kernel refuses: no such socket (another network namespace, or built
  // without), no right (before Linux 6.6 root only), no answer (another pid or user namespace than the first).
  static base::Result<ProcessConnector> Open();
  ProcessConnector(ProcessConnector&&) = default;
  ProcessConnector& operator=(ProcessConnector&&) = delete;
  ~ProcessConnector();  // ends the subscription

  // Readable when events wait.
  int fd() const { return socket_.get(); }

  struct Batch {
    std::size_t datagrams = 0;  // 0: nothing waits
    bool overrun = false;       // the kernel dropped some before these
  };
  // Hands up to kMaxBatch waiting events to `see`, in order; waits for none.
  static constexpr std::size_t kMaxBatch = 64;
  base::Result<Batch> Read(const std::function<void(const ProcessEvent&)>& see);

  // Datagrams that found no room since the subscription began.
  base::Result<std::uint64_t> Dropped() const;

 private:
  explicit ProcessConnector(base::UniqueFd socket) : socket_(std::move(socket)) {}
  base::UniqueFd socket_;
};

}  // namespace sys
