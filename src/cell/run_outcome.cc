// SPDX-License-Identifier: Apache-2.0
// The table of endings.
#include "cell/run_outcome.h"

namespace cell {
namespace {

// Exit statuses that aren't fixed numbers.
constexpr int kOwn = -1;         // the workload's own
constexpr int kFromSignal = -2;  // 128 + signal

struct Ending {
  std::string_view code;
  int status;
};

constexpr Ending kEndings[] = {
    {"completed", kOwn},
    {"signal_killed", kFromSignal},
    {"timeout", 124},
    {"ttl_exceeded", 124},
    {"filter_killed", 159},
    {"oom", 137},
    {"revoked", 137},
    {"gate_failed", 137},
    {"agent_silenced", 137},
    {"init_crashed", 137},
    {"vmm_crashed", 137},
    {"evidence_failed", 137},
    {"interrupted", kFromSignal},
    {"start_failed", 125},
    {"boot_failed", 125},
    {"command_not_found", 127},
    {"command_not_executable", 126},
    {"refused", 126},
};

}  // namespace

std::string_view ToString(Reason reason) { return kEndings[static_cast<std::size_t>(reason)].code; }

int RunOutcome::ExitStatus() const {
  const int status = kEndings[static_cast<std::size_t>(reason)].status;
  if (status == kOwn) return export_failed || output_lost ? 125 : exit_code.value_or(125);
  if (status == kFromSignal) return 128 + signal.value_or(9);
  return status;
}

}  // namespace cell
