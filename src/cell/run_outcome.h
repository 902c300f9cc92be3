// SPDX-License-Identifier: Apache-2.0
// How one run ended: what `--json`, the summary and the exit code are made of (extensions.md §4).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace cell {

enum class Reason : std::uint8_t {
  kCompleted,
  kSignalKilled,
  kTimeout,
  kTtlExceeded,
  kFilterKilled,
  kOom,
  kRevoked,
  kGateFailed,
  kAgentSilenced,
  kInitCrashed,
  kVmmCrashed,
  kEvidenceFailed,
  kInterrupted,
  kStartFailed,
  kBootFailed,
  kCommandNotFound,
  kCommandNotExecutable,
  kRefused,
};

// The code as it stands in events, the seal and `--json`, e.g. "ttl_exceeded".
std::string_view ToString(Reason reason);

struct Violation {
  std::string rule, pointer, message;
};

struct ExportLine {
  std::string name, sha256, path;
  std::uint64_t bytes = 0;
};

// One kind of refusal that the workload met, and how often.
struct DenialLine {
  std::string what, rule_ref, reason_code;
  std::string words;  // the reason for a person
  std::string hint;   // what would grant it; may be empty
  std::uint64_t count = 0;
};

// When a phase of a run was over; the next begins there, the first at the start of the run.
struct PhaseEnd {
  const char* phase;
  base::BootTime at;
};

struct RunOutcome {
  std::string run_id, cell_id, backend = "native";
  Reason reason = Reason::kStartFailed;
  std::optional<int> exit_code;  // the workload's own
  std::optional<int> signal;     // what killed the workload, or interrupted the run
  std::string phase;             // kStartFailed: the phase
  std::string message;           // one sentence for a human; empty when all is well
  std::string refusal;           // kRefused: invalid_document, derivation, authz, policy, condition, controls, backend
  std::vector<Violation> violations;
  std::string started_at;        // RFC 3339, empty when the workload never started
  std::chrono::milliseconds duration{0};
  std::uint64_t cpu_usec = 0;
  std::optional<std::uint64_t> memory_peak_bytes, pids_peak;
  std::uint64_t network_allowed = 0, network_denied = 0;  // connections that were let through; refusals of any kind
  std::vector<DenialLine> denials;  // most frequent first
  std::vector<ExportLine> exports;
  bool export_failed = false;    // the workload did its work, but an artefact could not be delivered
  bool output_lost = false;      // the caller's standard output or error refused a part of the workload's output
  std::vector<std::string> sink_losses;  // what a sink of the user's could not take; among the notes too
  std::uint64_t findings_agree = 0, findings_gap = 0, findings_contradiction = 0;
  std::string evidence_dir;      // empty when no evidence could be written
  std::uint64_t evidence_size = 0;
  std::string evidence_root;     // base64
  bool evidence_complete = false;
  std::string plan_digest;
  std::vector<PhaseEnd> phases;           // in order; of a run that got so far
  std::vector<std::string> not_enforced;  // best-effort losses, "<control>: <why>"
  std::vector<std::string> notes;         // what the summary should tell: new key made, working directory hint, leftovers

  // Exit status of `cellos run`.
  int ExitStatus() const;
};

}  // namespace cell
