// SPDX-License-Identifier: Apache-2.0
// One admitted cell from create to seal: the steps of its life in order, each undone on every way out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "cell/admission.h"
#include "cell/evidence_session.h"
#include "cell/exports/exporter.h"
#include "cell/grant_survey.h"
#include "cell/host_watch.h"
#include "cell/network/network_session.h"
#include "cell/run.h"
#include "cell/secrets.h"
#include "cell/state/control_socket.h"
#include "cell/state/live_entry.h"
#include "cell/state/uid_slot.h"
#include "cell/supervise.h"
#include "plan/plan.h"

namespace cell {

class CellRun {
 public:
  struct Parts {
    const RunRequest* request = nullptr;       // not owned, as all pointers here
    const Admission* admission = nullptr;
    const plan::Plan* plan = nullptr;
    const base::Clock* clock = nullptr;
    backend::Backend* backend = nullptr;
    EvidenceSession* evidence = nullptr;
    LiveEntry* live = nullptr;
    const NetworkPrograms* programs = nullptr; // where the plan has a gate
    base::BootTime began{0};                   // the TTL counts from here
  };
  CellRun(Parts parts, RunOutcome outcome);

  // Runs the cell and seals its evidence. Whatever fails, every later step of the way out is taken.
  RunOutcome Execute();

 private:
  // Of the document, as admission took it.
  const std::string& SpecHash() const;
  // The way in; the first error ends it.
  base::Result<> Start();
  base::Result<> OpenCoverage();
  base::Result<> DeclareScope();
  base::Result<> StartNetwork();
  base::Result<> CreateCell();
  base::Result<> NoteAnchor(const backend::Anchor& anchor);
  base::Result<> ReserveSpace();
  void NoteLeftCgroups();
  base::Result<> HandOverSecrets();
  base::Result<> TellStarted();
  base::Result<> CheckSinks();
  base::Result<> Release();
  base::Result<> OnExecuted();
  // The way out; none of these can fail.
  void TellNetwork();
  void TellCompleted();
  void ExportArtefacts();
  void LookAtWritableGrants();
  void LookForNewHookFiles(std::size_t first_writable);
  void Destroy();
  void TellSummaries();
  void TellHomeostasis(std::uint64_t declared_rules);
  void TellDestroyed();
  // What the witnesses of the run say of each other, and the bundle that refers to all of it.
  void TellFindings();
  void Seal();

  void FailStart(base::Error error);
  void EndPhase(const char* phase) { out_.phases.push_back({phase, p_.clock->Boot()}); }
  void SampleCgroup();
  bool Succeeded() const;
  std::optional<std::string> FailureText() const;
  base::BootTime ttl_at() const;
  Recorder& recorder() { return p_.evidence->recorder(); }
  const event::CellRef& ref() { return recorder().cell(); }

  Parts p_;
  RunOutcome out_;
  std::optional<UidSlot> uid_slot_;
  std::uint32_t host_uid_ = 0, host_gid_ = 0;
  std::optional<ControlSocket> control_;
  CellStreams streams_;
  std::unique_ptr<NetworkSession> network_;  // where the plan has a gate
  std::unique_ptr<HostWatch> host_watch_;    // from before the cell's first process
  std::unique_ptr<backend::LiveCell> cell_;
  SecretSession secrets_;
  Ending ending_;
  bool has_run_ = false;         // the document has a `run` and its barrier was opened
  base::BootTime released_at_{0};
  base::WallTime released_wall_{};
  std::chrono::milliseconds workload_time_{0};
  std::vector<std::string> leftovers_;
  std::string export_error_;
  std::vector<std::string> new_hook_files_;
  WritableSurvey survey_;
  struct {
    std::optional<Recorded> controls, started, spawned, completed, compliance, homeostasis, destroyed;
  } told_;
};

}  // namespace cell
