// SPDX-License-Identifier: Apache-2.0
// A cell's gate and what belongs to it, from before the cell to the last counter: starts, serves, watches, ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "cell/network/companion.h"
#include "cell/network/dialler.h"
#include "cell/network/gate_events.h"
#include "cell/network/helper.h"
#include "cell/network/kernel_view.h"
#include "cell/network/secret_service.h"
#include "cell/recorder.h"
#include "cell/secrets.h"
#include "cell/settings.h"
#include "cell/telemetry/telemetry_session.h"
#include "plan/plan.h"
#include "spec/cell_document.h"

namespace cell {

// Descriptors of the programs that a plan's network needs; opened before the log, which names their digests.
struct NetworkPrograms {
  base::UniqueFd gate, upstream;  // upstream: only where the plan has one
  static base::Result<NetworkPrograms> Open(const plan::NetworkPlan& network);
};

// Used by one thread.
class NetworkSession final : public Companion {
 public:
  struct Options {
    const plan::Plan* plan = nullptr;            // not owned, as all pointers here; plan->network is set
    const spec::CellSpec* spec = nullptr;        // as admitted
    const Settings* settings = nullptr;
    const NetworkPrograms* programs = nullptr;
    Recorder* recorder = nullptr;
    const base::Clock* clock = nullptr;
    int run_directory = -1;                      // open; for the frames of telemetry
    std::uint32_t cell_uid = 0, cell_gid = 0;    // of the host
  };
  // Starts the gate (and the upstream): it waits for the cell's sockets. The error's step is "gate".
  static base::Result<std::unique_ptr<NetworkSession>> Start(const Options& options);

  // What the backend gives the cell's first process; close our copy when the cell stands.
  int cell_channel() const { return cell_channel_.get(); }
  void CloseCellChannel() { cell_channel_.Reset(); }
  // The same for the witness in the cell; -1 without one.
  int agent_channel() const { return telemetry_ ? telemetry_->agent_end() : -1; }
  // Why the gate is gone before the cell stands; nullopt while it waits.
  std::optional<std::string> WhyGone();
  // The cell stands: takes what it passed out, and waits until the gate has locked itself and listens. `controls` is the
  // leaf that findings cite.
  base::Result<> Attach(backend::LiveCell& cell, event::LeafIndex controls);
  // Variables by which a workload finds the secret socket; empty when none is delivered over it. Valid as long as this is.
  std::vector<std::string_view> SecretEnvironment() const;
  // Serves requests for secrets from now on; `secrets` outlives this.
  void ServeSecrets(SecretSession& secrets, base::BootTime expires_at);

  // The workload is about to run: from now on its witness may not be silent. `secrets` outlives this.
  void WatchTelemetry(const SecretSession& secrets);

  // Companion.
  void Watch(std::vector<pollfd>& polls) override;
  void Act(std::span<const pollfd> polls) override;
  base::BootTime Deadline() const override;
  std::optional<std::string> failure() const override;
  Reason failure_reason() const override { return failure_ ? Reason::kGateFailed : Reason::kAgentSilenced; }
  void OnAgentFailed(const sandbox::CellEvent& event) override;
  void Revoke() override;

  // Ends every flow, hears the gate's totals, ends the processes; once. Before `completed`. `killed`: the cell did not end,
  // it was ended.
  void Finish(bool killed);
  // After Finish and before the cell is destroyed: the kernel's counters, compared with the gate's.
  void TellKernelRows();

  const GateEvents& events() const { return *events_; }

 private:
  explicit NetworkSession(const Options& options) : o_(options) {}
  base::Result<> StartAll();
  base::Result<> StartUpstream(base::UniqueFd gate_end);
  void TakeRecord(const wire::GateRecord& told);
  void TakeMasked(const wire::GateRecord& record);
  void Fail(std::string why);
  void EndGathering();  // when its time is over
  void ServeHelper(Helper& helper);
  void ReadTelemetry();
  std::optional<std::string> AwaitLastWords();
  void OnRefusedDial(const std::string& target, const char* why);

  Options o_;
  const plan::NetworkPlan& network() const { return *o_.plan->network; }
  std::optional<Helper> gate_, upstream_;
  std::optional<Dialler> gate_dials_, upstream_dials_;
  std::optional<SecretService> secret_service_;
  SecretSession* secrets_ = nullptr;
  std::unique_ptr<GateEvents> events_;
  std::unique_ptr<TelemetrySession> telemetry_;  // where the plan has telemetry
  std::optional<KernelView> kernel_;
  base::UniqueFd cell_channel_;
  std::vector<std::string> secret_environment_;
  std::string token_;
  std::optional<std::string> failure_;
  bool ready_ = false, finished_ = false;
  bool gathering_ = false;              // until gather_until_ the gate's records are not listened to
  base::BootTime gather_until_{0};
  std::size_t first_slot_ = 0;
  std::optional<event::LeafIndex> controls_;
  std::uint64_t refused_dials_ = 0;
};

}  // namespace cell
