// SPDX-License-Identifier: Apache-2.0
// The way in: from the open log to a workload that runs.
#include "cell/cell_run.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "cell/capabilities.h"
#include "cell/declared_egress.h"
#include "cell/grant_survey.h"
#include "cell/streams/cell_streams.h"
#include "cell/streams/terminal.h"
#include "cgroup/leaf.h"
#include "event/identity_events.h"
#include "event/lifecycle_events.h"
#include "event/network_events.h"
#include "event/trust_events.h"
#include "event/types.h"
#include "probe/cgroup_probe.h"
#include "spec/document.h"
#include "sys/file.h"

namespace cell {

using std::chrono::milliseconds;

namespace {

base::Error AtStep(base::Error error, std::string_view step) {
  if (error.step.empty()) error.step = step;
  return error;
}

// TRY that names the phase of the start where the error has none.
#define TRY_STEP(step, ...)                                                                              \
  ({                                                                                                     \
    auto&& try_result_ = (__VA_ARGS__);                                                                  \
    if (!try_result_) [[unlikely]] return std::unexpected(AtStep(std::move(try_result_).error(), step)); \
    std::move(try_result_).value();                                                                      \
  })

std::optional<event::Identity> IdentityOf(const spec::CellSpec& spec) {
  if (!spec.identity) return std::nullopt;
  const spec::Identity& identity = *spec.identity;
  return event::Identity{.provider = identity.provider,
                         .audience = identity.audience,
                         .subject = identity.subject,
                         .ttl_seconds = identity.ttl_seconds,
                         .secret_ref = identity.secret_ref};
}

std::optional<event::Placement> PlacementOf(const spec::CellSpec& spec) {
  if (!spec.placement) return std::nullopt;
  return event::Placement{spec.placement->pool_id, spec.placement->kubernetes_namespace, spec.placement->queue_name};
}

}  // namespace

CellRun::CellRun(Parts parts, RunOutcome outcome) : p_(parts), out_(std::move(outcome)) {}

const std::string& CellRun::SpecHash() const { return *p_.admission->spec_digest; }

base::BootTime CellRun::ttl_at() const { return p_.began + p_.plan->ttl; }

RunOutcome CellRun::Execute() {
  if (auto started = Start(); !started) FailStart(std::move(started).error());
  if (recorder().failed()) recorder().UseReserve();
  TellCompleted();
  ExportArtefacts();
  Destroy();
  EndPhase("completed, exports, destroy");
  LookAtWritableGrants();
  TellSummaries();
  TellDestroyed();
  TellFindings();
  Seal();
  EndPhase("summaries, seal");
  return std::move(out_);
}

base::Result<> CellRun::Start() {
  TRY_STEP("evidence", OpenCoverage());
  if (!p_.plan->unavailable.empty()) {
    return std::unexpected(base::Error{base::ErrorKind::kUnavailable, p_.plan->unavailable, 0, "plan"});
  }
  if (p_.evidence->sink_error()) return std::unexpected(*p_.evidence->sink_error());
  for (const event::Draft& draft : p_.admission->events) TRY_STEP("evidence", recorder().Emit(draft));
  TRY_STEP("evidence", DeclareScope());
  TRY_STEP("create", CreateCell());
  EndPhase("make the cell, read it back");
  TRY_STEP("secrets", HandOverSecrets());
  SampleCgroup();
  TRY_STEP("sink", CheckSinks());
  TRY_STEP("evidence", TellStarted());
  EndPhase("secrets, sample, started");
  if (p_.admission->document->spec.run) return Release();
  out_.reason = Reason::kCompleted;
  out_.exit_code = 0;
  return {};
}

base::Result<> CellRun::OpenCoverage() {
  TRY(recorder().OpenCoverage(event::Observer::kSupervisor, {"lifecycle", "secrets", "exports"}));
  TRY(recorder().OpenCoverage(event::Observer::kInit, {"workload start and end"}));
  if (p_.plan->cgroup.hierarchy != base::CgroupHierarchy::kNone) {
    TRY(recorder().OpenCoverage(event::Observer::kHostCgroup, {"cgroup leaf before start, once a second and after end"}));
  }
  if (p_.plan->telemetry) {
    TRY(recorder().OpenCoverage(event::Observer::kAgent, p_.plan->telemetry->declared));
  }
  if (p_.plan->network && p_.plan->network->network) {
    TRY(recorder().OpenCoverage(event::Observer::kGateDns, {"every DNS question of the cell"}));
    TRY(recorder().OpenCoverage(event::Observer::kGateFlow, {"every connection of the cell"}));
    TRY(recorder().OpenCoverage(event::Observer::kGateL7, {"every TLS hello and HTTP request on inspected ports"}));
    TRY(recorder().OpenCoverage(event::Observer::kGateRecord, {"records from the gate to the supervisor"}));
    TRY(recorder().OpenCoverage(event::Observer::kKernelNft, {"rules and counters of the cell's network namespace"}));
    TRY(recorder().OpenCoverage(event::Observer::kKernelNflog, {"refused packets, some of each kind a second"}));
    TRY(recorder().OpenCoverage(event::Observer::kHostNftables, {"counters of the cell's table, once a second"}));
  }
  if (std::ranges::find(p_.plan->required_sources, "witness") != p_.plan->required_sources.end()) {
    TRY(recorder().OpenCoverage(event::Observer::kWitness, {"claims, gate and kernel against each other, at the end"}));
  }
  return recorder().OpenCoverage(event::Observer::kLog, {"events.jsonl"});
}

base::Result<> CellRun::DeclareScope() {
  const spec::Authority& authority = p_.admission->document->spec.authority;
  const std::uint64_t rules = authority.egress_rules ? authority.egress_rules->size() : 0;
  TRY(recorder().Emit(event::NetworkScopeEvent(ref(), rules, authority.network.has_value())));
  const Settings& settings = p_.request->settings;
  if (settings.trust_plane_events) {
    TRY(recorder().Emit(event::DnsTargetSetEvent(
        ref(), {.current_digest = SpecHash(),
                .updated_at = base::FormatMillis(p_.clock->Wall()),
                .trust = {settings.trust_keyset_id, settings.resolver_kid}})));
  }
  TRY(TellDeclaredEgress(p_.admission->bounded->spec, settings, recorder()));
  for (const plan::Relaxation& relaxation : p_.plan->relaxations) {
    TRY(recorder().Emit(event::IsolationRelaxedEvent(ref(), relaxation.name, relaxation.asked_by, relaxation.why)));
  }
  return {};
}

base::Result<> CellRun::CreateCell() {
  const plan::Plan& plan = *p_.plan;
  host_uid_ = plan.facts.uid;
  host_gid_ = plan.facts.gid;
  if (plan.ids_from_range) {
    uid_slot_ = TRY_STEP("ids", UidSlot::Acquire(plan.uid_base));
    host_uid_ = host_gid_ = uid_slot_->cell_id();
    TRY_STEP("ids", p_.live->NoteUidSlot(uid_slot_->slot()));
    for (std::string& note : ForeignOwners(plan.facts)) out_.notes.push_back(std::move(note));
  }
  control_ = TRY_STEP("create", ControlSocket::Listen(*p_.live));
  auto streams = TRY_STEP("streams", MakeCellStreams(plan.terminal, host_uid_, host_gid_));
  streams_ = std::move(streams.ours);
  host_watch_ = std::make_unique<HostWatch>(recorder(), *p_.clock, [this] { SampleCgroup(); });
  if (plan.network) TRY(StartNetwork());
  auto created = p_.backend->Create({.plan = &plan,
                                     .streams = std::move(streams.cells),
                                     .host_uid = host_uid_,
                                     .host_gid = host_gid_,
                                     .gate_channel = network_ ? network_->cell_channel() : -1,
                                     .agent_channel = network_ ? network_->agent_channel() : -1,
                                     .ttl_deadline = ttl_at(),
                                     .on_anchor = [this](const backend::Anchor& anchor) { return NoteAnchor(anchor); },
                                     .meanwhile = [this] { return ReserveSpace(); }});
  if (!created) NoteLeftCgroups();
  if (!created && network_) {
    // A cell that can't hand its sockets over fails for the gate's reason.
    if (auto why = network_->WhyGone()) return std::unexpected(base::Error{base::ErrorKind::kInternal, std::move(*why), 0, "gate"});
  }
  cell_ = TRY(std::move(created));
  if (plan.terminal) {
    streams_.terminal = cell_->TakeTerminal();
    CopyWindowSize(p_.request->streams.in, streams_.terminal.get());
  }
  const sandbox::EffectiveControls& controls = cell_->controls();
  told_.controls =
      TRY_STEP("evidence", recorder().Emit(event::EffectiveControlsEvent(controls.ToJson(plan.cell_id, plan.run_id))));
  for (const plan::NotEnforced& lost : controls.not_enforced) {
    out_.not_enforced.push_back(fmt::format("{}: {}", lost.control, lost.why));
  }
  return network_ ? network_->Attach(*cell_, told_.controls->leaf) : base::Result<>{};
}

base::Result<> CellRun::StartNetwork() {
  network_ = TRY(NetworkSession::Start({.plan = p_.plan,
                                        .spec = &p_.admission->document->spec,
                                        .settings = &p_.request->settings,
                                        .programs = p_.programs,
                                        .recorder = &recorder(),
                                        .clock = p_.clock,
                                        .run_directory = p_.evidence->directory().fd.get(),
                                        .cell_uid = host_uid_,
                                        .cell_gid = host_gid_}));
  return {};
}

base::Result<> CellRun::NoteAnchor(const backend::Anchor& anchor) {
  if (anchor.outer_pid == 0) {
    return anchor.cgroup_paths.empty() ? base::Result<>{} : p_.live->NoteCgroup(anchor.cgroup_paths);
  }
  if (host_watch_) host_watch_->OnOuterProcess(anchor.outer_pid);
  TRY(p_.live->NoteProcess(anchor.outer_pid));
  return uid_slot_ ? uid_slot_->NoteHolder(anchor.outer_pid) : base::Result<>{};
}

// The first checkpoint would do it as well, but then the finished cell would wait for the disk.
base::Result<> CellRun::ReserveSpace() {
  TRY_STEP("evidence", recorder().log().Reserve());
  return {};
}

// After a start that failed: what its own clean-up could not remove is the collector's.
void CellRun::NoteLeftCgroups() {
  for (const std::string& path : cgroup::Leaf::PlannedPaths(*p_.plan)) {
    const auto there = sys::StatAt(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
    if (there || there.error().kind != base::ErrorKind::kNotFound) leftovers_.push_back("cgroup " + path);
  }
}

base::Result<> CellRun::HandOverSecrets() {
  const spec::CellSpec& spec = p_.admission->document->spec;
  secrets_ = TRY(SecretSession::Deliver(*p_.plan, p_.request->settings, IdentityOf(spec), recorder()));
  if (!network_) return {};
  const std::uint64_t life = spec.identity && spec.identity->ttl_seconds ? *spec.identity->ttl_seconds : spec.lifetime.ttl_seconds;
  const auto seconds = std::clamp<std::uint64_t>(life, 1, static_cast<std::uint64_t>(p_.plan->ttl.count()));
  network_->ServeSecrets(secrets_, p_.clock->Boot() + std::chrono::seconds(seconds));
  return {};
}

void CellRun::SampleCgroup() {
  if (!cell_ || cell_->probe_path().empty()) return;
  probe::CgroupTarget target{.hierarchy = p_.plan->cgroup.hierarchy,
                             .leaf = cell_->probe_path(),
                             .spec_signature_hash = SpecHash()};
  if (target.hierarchy == base::CgroupHierarchy::kV1) {
    for (const auto& [controller, parent] : p_.plan->facts.cgroup.parents) {
      target.v1_directories[controller] = parent + "/" + p_.plan->cgroup.leaf_name;
    }
  }
  recorder().TryEmit(probe::SampleCgroup(ref(), target, *p_.clock));
}

base::Result<> CellRun::TellStarted() {
  const spec::CellSpec& spec = p_.admission->document->spec;
  event::Started started{.ttl_seconds = spec.lifetime.ttl_seconds,
                         .spec_hash = spec::RawDigest(p_.request->document),
                         .derivation_verified = p_.admission->derivation_verified,
                         .placement = PlacementOf(spec),
                         .plan_digest = out_.plan_digest,
                         .policy_pack_digest = p_.admission->policy_pack_digest};
  if (const auto& token = spec.authority.authority_derivation) {
    started.role_root = token->role_root;
    started.parent_run_id = token->parent_run_id;
  }
  told_.started = TRY(recorder().Emit(event::StartedEvent(ref(), started)));
  out_.started_at = recorder().log().last_time();
  if (p_.admission->universal_token) {
    TRY(recorder().Emit(event::UniversalTokenEvent(ref(), started.spec_hash, started.role_root)));
  }
  return recorder().log().Checkpoint();
}

// A sink that could not take what came before the start is a sink that was asked for and isn't there.
base::Result<> CellRun::CheckSinks() {
  TRY(recorder().log().Flush());
  const std::vector<std::string> errors = recorder().log().TakeSinkErrors();
  if (errors.empty()) return {};
  return base::Fail(base::ErrorKind::kIo, errors.front());
}

base::Result<> CellRun::Release() {
  released_at_ = p_.clock->Boot();
  released_wall_ = p_.clock->Wall();
  has_run_ = true;
  if (p_.request->on_release) p_.request->on_release(cell_->workload_pid());
  std::vector<std::string_view> environment = secrets_.environment();
  if (network_) {
    for (const std::string_view entry : network_->SecretEnvironment()) environment.push_back(entry);
  }
  if (network_) network_->WatchTelemetry(secrets_);
  TRY_STEP("barrier", cell_->OpenBarrier(environment));
  secrets_.WipeValues();
  std::optional<RawMode> raw;
  if (p_.plan->terminal) raw.emplace(p_.request->streams.in);
  std::vector<Companion*> beside = {host_watch_.get()};
  if (network_) beside.push_back(network_.get());
  Companions companions(std::move(beside));
  ending_ = Supervise({.cell = cell_.get(),
                       .log = &recorder().log(),
                       .plan = p_.plan,
                       .clock = p_.clock,
                       .companion = &companions,
                       .limit_at = released_at_ + p_.plan->time_limit,
                       .ttl_at = ttl_at(),
                       .streams = std::move(streams_),
                       .caller = p_.request->streams,
                       .stdin_open = p_.request->stdin_open,
                       .signal_fd = p_.request->signal_fd,
                       .stop_fd = control_->fd(),
                       .accept_stop =
                           [this] {
                             auto request = control_->Accept();
                             return request && request->has_value();
                           },
                       .on_executed = [this] { return OnExecuted(); },
                       .on_tick = p_.request->on_tick});
  workload_time_ = std::chrono::duration_cast<milliseconds>(p_.clock->Boot() - released_at_);
  EndPhase("workload");
  return {};
}

base::Result<> CellRun::OnExecuted() {
  const auto sets = CapabilitiesOf(cell_->workload_pid(), cell_->controls());
  // Every set is empty in a user namespace of the cell's own, so none of them holds in the initial one.
  TRY(recorder().Emit(event::ContainerSecurityEvent(ref(), sets, /*privileged=*/false)));
  TRY(recorder().Emit(event::NetworkPolicyEvent(ref(), DeclaredEgress(p_.admission->bounded->spec))));
  event::Draft spawned = event::ProcessSpawnedEvent(ref(), p_.plan->argv[0], p_.plan->argv.size());
  spawned.observer = event::Observer::kInit;  // init's word: it saw the exec succeed
  told_.spawned = TRY(recorder().Emit(std::move(spawned)));
  return {};
}

void CellRun::FailStart(base::Error error) {
  // What the evidence could not take is a failure of its own kind; everything else is a start that failed.
  out_.reason = recorder().failed() ? Reason::kEvidenceFailed : Reason::kStartFailed;
  out_.phase = error.step.empty() ? "create" : std::string(error.step);
  out_.message = std::move(error.message);
  secrets_.WipeValues();
}

}  // namespace cell
