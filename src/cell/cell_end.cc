// SPDX-License-Identifier: Apache-2.0
// The way out: every step runs, whatever came before.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/encoding.h"
#include "cell/cell_run.h"
#include "cell/declared_egress.h"
#include "event/compliance_events.h"
#include "event/evidence_events.h"
#include "event/export_events.h"
#include "event/lifecycle_events.h"
#include "event/network_events.h"
#include "event/types.h"
#include "evidence/witness/survey.h"
#include "spec/document.h"
#include "sys/host_facts.h"

namespace cell {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr seconds kDestroyDeadline{10};
constexpr seconds kExportGrace{60};  // exports may take the rest of the TTL and this

std::string_view DeliveryName(const spec::CellSpec& spec) {
  if (!spec.run) return "env";
  switch (spec.run->secret_delivery) {
    case spec::SecretDelivery::kEnv:
      return "env";
    case spec::SecretDelivery::kRuntimeBroker:
      return "runtimeBroker";
    case spec::SecretDelivery::kRuntimeLeasedBroker:
      return "runtimeLeasedBroker";
  }
  return "env";
}

// The published text of an end that wasn't an exit of the workload's own.
std::optional<std::string> SpawnError(const RunOutcome& out, const Ending& ending, const plan::Plan& plan,
                                      milliseconds took) {
  switch (out.reason) {
    case Reason::kTimeout:
      return fmt::format("command timed out after {} ms ({})", took.count(), plan.time_limit_source);
    case Reason::kTtlExceeded:
      return fmt::format("cell killed by TTL watchdog after {} ms (ttl_seconds={})", took.count(), plan.ttl.count());
    case Reason::kCommandNotFound:
    case Reason::kCommandNotExecutable:
      return "spec.run spawn failed: " + base::OsError(ending.exec_error, plan.argv[0]).message;
    case Reason::kStartFailed:
      return "spec.run spawn failed: " + out.message;
    default:
      return std::nullopt;
  }
}

}  // namespace

bool CellRun::Succeeded() const {
  return out_.reason == Reason::kCompleted && out_.exit_code == 0 && export_error_.empty();
}

std::optional<std::string> CellRun::FailureText() const {
  if (Succeeded()) return std::nullopt;
  switch (out_.reason) {
    case Reason::kCompleted:
      return out_.exit_code == 0 ? export_error_ : fmt::format("command exited with status {}", out_.exit_code.value_or(-1));
    case Reason::kOom:
    case Reason::kTtlExceeded:
    case Reason::kSignalKilled:
    case Reason::kInitCrashed:
    case Reason::kGateFailed:
    case Reason::kAgentSilenced:
      return std::string(ToString(out_.reason));
    case Reason::kTimeout:
    case Reason::kCommandNotFound:
    case Reason::kCommandNotExecutable:
      return "command spawn: " + SpawnError(out_, ending_, *p_.plan, workload_time_).value_or("");
    case Reason::kStartFailed:
      return fmt::format("{}: {}", out_.phase, out_.message);
    default:
      return out_.message.empty() ? std::string(ToString(out_.reason)) : out_.message;
  }
}

void CellRun::TellNetwork() {
  if (!network_) return;
  network_->TellKernelRows();
  const GateEvents& events = network_->events();
  out_.network_allowed = events.flows_allowed();
  out_.network_denied = events.denials().total();
  out_.denials = events.denials().Lines();
}

void CellRun::TellCompleted() {
  const bool supervised = has_run_ && out_.phase.empty();  // the barrier opened and the reactor ran
  if (network_) network_->Finish(/*killed=*/supervised && !ending_.end && ending_.exec_error == 0);
  if (!has_run_ || out_.reason == Reason::kRefused) return TellNetwork();
  if (supervised) {
    out_.reason = ending_.reason;
    if (!ending_.message.empty()) out_.message = ending_.message;
    if (ending_.end && ending_.end->signal == 0 && out_.reason == Reason::kCompleted) out_.exit_code = ending_.end->exit_code;
    if (ending_.end && ending_.end->signal != 0) out_.signal = ending_.end->signal;
    if (ending_.interrupted_by != 0) out_.signal = ending_.interrupted_by;
    if (ending_.exec_error != 0 && out_.message.empty()) {
      out_.message = base::OsError(ending_.exec_error, base::Escape(p_.plan->argv[0])).message;
    }
    if (ending_.output_error != 0) {
      out_.output_lost = true;
      const std::string what = "a part of the workload's output could not be written";
      out_.message = base::OsError(ending_.output_error, what).message;
    } else if (!ending_.output_complete) {
      out_.notes.push_back("the workload's output was not read to its end");
    }
  }
  if (out_.reason == Reason::kInitCrashed) {
    // Nobody saw what happened between init's last word and its death.
    recorder().NoteHole(event::Observer::kInit, released_at_, p_.clock->Boot(), "init died without a report");
  }
  if (auto usage = cell_->ReadUsage()) {
    out_.cpu_usec = usage->cpu_usec;
    out_.memory_peak_bytes = usage->memory_peak_bytes;
    out_.pids_peak = usage->pids_peak;
  }
  SampleCgroup();
  event::CommandCompleted completed{.argv = p_.plan->argv,
                                    .exit_code = out_.exit_code.value_or(-1),
                                    .duration_ms = static_cast<std::uint64_t>(workload_time_.count()),
                                    .spawn_error = SpawnError(out_, ending_, *p_.plan, workload_time_),
                                    .reason = std::string(ToString(out_.reason))};
  if (out_.signal) completed.signal = static_cast<std::uint32_t>(*out_.signal);
  const auto& rules = p_.admission->bounded->spec.authority.egress_rules;
  recorder().TryEmit(event::NetworkEnforcementEvent(
      ref(), {.nft_rules_applied = p_.plan->network && p_.plan->network->network && told_.controls,
              .declared_egress_rule_count = rules ? rules->size() : 0,
              .command_exit_code = completed.exit_code,
              .spawn_error = completed.spawn_error}));
  TellNetwork();
  event::Draft draft = event::CommandCompletedEvent(ref(), completed);
  if (ending_.end) draft.observer = event::Observer::kInit;  // init's word: it reaped the leader
  told_.completed = recorder().TryEmit(std::move(draft));
}

void CellRun::ExportArtefacts() {
  if (!has_run_ || out_.reason != Reason::kCompleted || out_.exit_code != 0 || !cell_) return;
  Exporter exporter({.cell_root = cell_->root_directory(),
                     .host_uid = host_uid_,
                     .host_gid = host_gid_,
                     .run_directory = p_.evidence->directory().fd.get(),
                     .run_path = p_.evidence->directory().path,
                     .scratch_directory = p_.live->directory(),
                     .cell_id = p_.plan->cell_id,
                     .export_dir = p_.request->settings.export_dir,
                     .deadline = ttl_at() + kExportGrace});
  std::optional<event::Provenance> provenance;
  if (told_.started) provenance = {told_.started->id, std::string(event::kStarted)};
  for (const plan::ExportPlan& artefact : p_.plan->exports) {
    recorder().TryEmit(event::FsTouchExportEvent(ref(), artefact.path, artefact.name));
    auto receipt = exporter.Export(artefact);
    if (!receipt) {
      export_error_ = fmt::format("export of {}: {}", base::Escape(artefact.name), receipt.error().message);
      out_.export_failed = true;
      out_.message = export_error_;
      recorder().TryEmit(event::ExportFailedEvent(ref(), {.artifact_name = artefact.name,
                                                          .reason = receipt.error().message,
                                                          .destination = exporter.DestinationHint(artefact.name),
                                                          .provenance = provenance}));
      return;
    }
    out_.exports.push_back({artefact.name, receipt->sha256, receipt->path, receipt->bytes});
    recorder().TryEmit(event::ExportCompletedEvent(ref(), {.artifact_name = artefact.name,
                                                           .target_kind = receipt->target_kind,
                                                           .destination = receipt->destination,
                                                           .bytes_written = receipt->bytes,
                                                           .sha256 = receipt->sha256,
                                                           .provenance = provenance}));
  }
}

void CellRun::Destroy() {
  if (cell_) leftovers_ = cell_->Destroy(kDestroyDeadline);
  cell_.reset();
  if (host_watch_) host_watch_->TellEnd();
  if (!leftovers_.empty()) p_.live->LeaveForCollector();
  for (const std::string& leftover : leftovers_) out_.notes.push_back("left behind: " + leftover);
  secrets_.Revoke(recorder());
  if (const auto& identity = p_.admission->document->spec.identity; identity && !secrets_.records().empty()) {
    std::optional<event::Provenance> provenance;
    if (told_.started) provenance = {told_.started->id, std::string(event::kStarted)};
    recorder().TryEmit(event::IdentityRevokedEvent(ref(),
                                                   {.provider = identity->provider,
                                                    .audience = identity->audience,
                                                    .subject = identity->subject,
                                                    .ttl_seconds = identity->ttl_seconds,
                                                    .secret_ref = identity->secret_ref},
                                                   "teardown", provenance));
  }
}

void CellRun::LookForNewHookFiles(std::size_t first_writable) {
  const base::HostFacts& facts = p_.plan->facts;
  auto found = sys::FindProtectedFiles(facts.grants, first_writable);
  if (!found) {
    out_.notes.push_back("could not look for new hook files: " + found.error().message);
    return;
  }
  for (const base::BeneathGrant& file : *found) {
    const bool known = std::any_of(facts.protected_files.begin(), facts.protected_files.end(), [&](const auto& before) {
      return before.grant == file.grant && before.relative == file.relative && before.inode == file.inode;
    });
    if (!known) new_hook_files_.push_back(facts.grants[file.grant].canonical + "/" + file.relative);
  }
}

void CellRun::LookAtWritableGrants() {
  const auto& filesystem = p_.admission->bounded->spec.authority.filesystem;
  if (!filesystem || !filesystem->grant || filesystem->grant->writable.empty()) return;
  const std::size_t first_writable = filesystem->grant->readable.size();
  LookForNewHookFiles(first_writable);
  if (has_run_) {
    survey_ = SurveyWritable(p_.plan->facts.grants, first_writable,
                             EarliestChange(released_wall_, released_at_, *p_.clock));
    new_hook_files_.insert(new_hook_files_.end(), survey_.hook_files.begin(), survey_.hook_files.end());
  }
  for (const std::string& path : new_hook_files_) {
    out_.notes.push_back("made or changed during the run, runs code later: " + base::Escape(path));
  }
  for (const std::string& path : survey_.set_id_files) {
    out_.notes.push_back("privileged file in a writable grant, look at its content: " + base::Escape(path));
  }
  if (!survey_.complete) {
    out_.notes.push_back("the writable grants could not be searched as a whole for privileged files and changed hook files");
  }
}

void CellRun::TellSummaries() {
  const spec::CellSpec& spec = p_.admission->document->spec;
  event::ComplianceSummary summary{
      .lifetime_ttl_seconds = spec.lifetime.ttl_seconds,
      .egress_rule_count = spec.authority.egress_rules ? spec.authority.egress_rules->size() : 0,
      .resource_limits_present = spec.run && spec.run->limits,
      .secret_delivery_mode = std::string(DeliveryName(spec)),
      .export_target_count = spec.exports && spec.exports->targets ? spec.exports->targets->size() : 0};
  if (spec.policy) {
    summary.policy_pack_id = spec.policy->pack_id;
    summary.policy_pack_version = spec.policy->pack_version;
    summary.policy_bundle_digest = spec.policy->bundle_digest;
  }
  if (spec.placement) {
    summary.placement = event::Placement{spec.placement->pool_id, spec.placement->kubernetes_namespace,
                                         spec.placement->queue_name};
  }
  if (told_.completed) summary.command_exit_code = out_.exit_code.value_or(-1);
  told_.compliance = recorder().TryEmit(event::ComplianceSummaryEvent(ref(), summary));

  TellHomeostasis(summary.egress_rule_count);
}

// What was granted and what of it was used: rules that carried an accepted flow, secrets that were handed over.
void CellRun::TellHomeostasis(std::uint64_t declared_rules) {
  const spec::CellSpec& spec = p_.admission->document->spec;
  event::Homeostasis homeostasis{
      .spec_hash = SpecHash(),
      .declared_egress_rules = declared_rules,
      .exercised_egress = 0,  // without a gate the cell has no interface but its own loopback
      .declared_secret_count = spec.authority.secret_refs ? spec.authority.secret_refs->size() : 0};
  if (network_) {
    const auto& used = network_->events().rules_used();
    homeostasis.exercised_egress = used.size();
    const std::vector<event::EgressRule> rules = DeclaredEgress(p_.admission->bounded->spec);
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
      if (!used.contains(i)) homeostasis.recommended_removals.emplace_back(rules[i]);
    }
  }
  for (const SecretRecord& record : secrets_.records()) {
    if (!record.delivered) homeostasis.recommended_removals.emplace_back(record.secret.name);
  }
  told_.homeostasis = recorder().TryEmit(event::HomeostasisEvent(ref(), homeostasis));
  if (!network_ || network_->events().flows_under_no_rule() == 0) return;
  recorder().TryEmit(event::HomeostasisViolationEvent({.cell_id = p_.plan->cell_id,
                                                       .declared_egress_rules = declared_rules,
                                                       .exercised_egress = network_->events().flows_allowed(),
                                                       .overage = network_->events().flows_under_no_rule(),
                                                       .spec_hash = homeostasis.spec_hash}));
}

void CellRun::TellDestroyed() {
  out_.duration = std::chrono::duration_cast<milliseconds>(p_.clock->Boot() - p_.began);
  const bool clean = leftovers_.empty();
  told_.destroyed = recorder().TryEmit(event::DestroyedEvent(
      ref(), {.ttl_seconds = p_.admission->document->spec.lifetime.ttl_seconds,
              .outcome = Succeeded() ? event::Outcome::kSucceeded : event::Outcome::kFailed,
              .reason = FailureText(),
              .evidence_bundle_ref = event::EvidenceBundleUrn(p_.plan->run_id),
              .residue_class = clean ? event::ResidueClass::kNone : event::ResidueClass::kDocumentedException,
              .reason_code = std::string(ToString(out_.reason)),
              .new_hook_files = new_hook_files_,
              .set_id_files = survey_.set_id_files,
              .grants_searched = survey_.complete}));
}

void CellRun::TellFindings() {
  if (!told_.destroyed) return;
  // What is on disk is judged, not what was meant to be there.
  const base::BootTime from = p_.clock->Boot();
  base::Result<evidence::RunSurvey> survey = evidence::RunSurvey();
  if (auto flushed = recorder().log().Flush(); flushed) {
    survey = evidence::SurveyRun(p_.evidence->directory().fd.get(), recorder().LossyObservers());
  } else {
    survey = std::unexpected(std::move(flushed).error());
  }
  if (survey) {
    for (const evidence::WitnessFinding& each : survey->findings) {
      recorder().Find(each.verdict, each.rule, each.cites, each.text);
    }
  } else {
    out_.notes.push_back("the witnesses of the run could not be compared: " + survey.error().message);
    recorder().NoteHole(event::Observer::kWitness, from, p_.clock->Boot(), survey.error().message);
  }
  event::EvidenceBundle bundle{
      .spec_signature_hash = SpecHash(),
      .emitted_at_unix_ms = static_cast<std::uint64_t>(p_.clock->Wall().time_since_epoch().count()),
      .destroyed = told_.destroyed->id,
      .residue = leftovers_.empty() ? event::ResidueClass::kNone : event::ResidueClass::kDocumentedException};
  if (told_.started) bundle.started = told_.started->id;
  if (told_.completed) bundle.command_completed = told_.completed->id;
  if (told_.spawned) bundle.spawned = {told_.spawned->id};
  if (told_.homeostasis) bundle.homeostasis = told_.homeostasis->id;
  if (told_.compliance) bundle.compliance_summary = told_.compliance->id;
  if (!leftovers_.empty()) bundle.residue_exception = fmt::format("{}", fmt::join(leftovers_, "; "));
  if (survey) survey->refs.Fill(bundle);
  recorder().TryEmit(event::EvidenceBundleEvent(ref(), bundle));
}

void CellRun::Seal() {
  if (recorder().failed() && out_.reason == Reason::kCompleted) {
    out_.reason = Reason::kEvidenceFailed;
    out_.message = recorder().failed()->message;
  }
  EvidenceEnd end{.reason = out_.reason,
                  .exit_code = out_.exit_code,
                  .signal = out_.signal,
                  .backend = p_.plan->backend,
                  .secrets = secrets_.records(),
                  .exports = out_.exports,
                  .required_sources = p_.plan->required_sources};
  if (told_.controls) end.controls = told_.controls->leaf;
  const evidence::FindingCounts& findings = recorder().findings();
  out_.findings_agree = findings.agree;
  out_.findings_gap = findings.gap;
  out_.findings_contradiction = findings.contradictions.size();
  auto sealed = p_.evidence->Seal(end);
  out_.sink_losses = p_.evidence->TakeSinkErrors();
  out_.notes.insert(out_.notes.end(), out_.sink_losses.begin(), out_.sink_losses.end());
  if (!sealed) {
    p_.live->LeaveForCollector();
    out_.reason = Reason::kEvidenceFailed;
    out_.message = "the run could not be sealed: " + sealed.error().message;
    return;
  }
  out_.evidence_size = sealed->size;
  out_.evidence_root = sealed->root;
  out_.evidence_complete = sealed->complete;
}

}  // namespace cell
