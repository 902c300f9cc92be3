// SPDX-License-Identifier: Apache-2.0
// Admit, plan, open the evidence, and either run the cell or record the refusal.
#include "cell/run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <cctype>
#include <utility>

#include "backend/native/native_backend.h"
#include "base/encoding.h"
#include "cell/admission.h"
#include "cell/cell_run.h"
#include "cell/evidence_session.h"
#include "cell/gc/collector.h"
#include "cell/network/network_session.h"
#include "cell/state/run_id.h"
#include "crypto/random.h"
#include "event/admission_events.h"
#include "spec/document.h"
#include "spec/required_sources.h"
#include "sys/file.h"
#include "sys/host_facts.h"
#include "sys/process.h"

namespace cell {
namespace {

constexpr std::string_view kDefaultCellId = "cell";

struct Prepared {
  Admission admission;
  plan::Plan plan;
  bool planned = false;
};

std::vector<std::string> EventSinks(const Settings& settings) {
  std::vector<std::string> places = {settings.events_path, settings.mirror_path, settings.dlq_dir};
  std::erase(places, "");
  return places;
}

plan::Settings PlanSettings(const RunRequest& request, const std::string& run_id) {
  const Settings& s = request.settings;
  return {.run_id = run_id,
          .broker = s.broker,
          .env_timeout_ms = s.run_timeout_ms,
          .memory_max_setting = s.cgroup_memory_max,
          .cpu_max_setting = s.cgroup_cpu_max,
          .argv0_prefixes = s.argv0_prefixes,
          .cgroup_parent = s.cgroup_parent,
          .state_directory = request.state != nullptr ? request.state->path() : std::string(),
          .usual_state_directories = request.usual_state_directories,
          .event_sinks = EventSinks(s),
          .caller_directory = request.caller_directory,
          .uid_base = s.uid_base,
          .export_dir = s.export_dir,
          .stdin_open = request.stdin_open,
          .network = {.resolve_egress = s.resolve_egress,
                      .refresh = s.dns_refresh,
                      .refresh_continuous = s.dns_refresh_continuous,
                      .tick_interval_s = s.dns_tick_interval_s,
                      .trust_anchors_path = s.dnssec_trust_anchors_path,
                      .flow_bytes_out = s.flow_max_bytes_out},
          .telemetry = {.watch_path = s.telemetry_watch_path, .hardened = s.profile == Profile::kHardened}};
}

// What the plan refuses is a refusal of the document where the document asks for what no cell may have, and of the
// machine where it can't be enforced here.
void PlanInto(const RunRequest& request, const std::string& run_id, Prepared& prepared) {
  const spec::CellDocument& document = *prepared.admission.bounded;
  const plan::Settings settings = PlanSettings(request, run_id);
  auto facts = sys::GatherHostFacts(plan::FactsNeeded(document, settings));
  auto made = facts ? plan::MakePlan(document, settings, *facts) : std::unexpected(std::move(facts).error());
  if (made) {
    prepared.plan = std::move(*made);
    prepared.planned = true;
    return;
  }
  base::Error error = std::move(made).error();
  // A machine that is short of something is no fault of the document.
  const bool short_of = error.os_errno != 0 && error.kind != base::ErrorKind::kNotFound && error.kind != base::ErrorKind::kDenied;
  if (short_of) error.kind = base::ErrorKind::kUnavailable;
  prepared.admission.plan_error = std::move(error);
}

// Messages of the plan name a member as "authority.filesystem.readable[0]"; refusals name it by RFC 6901.
std::string PointerIn(std::string_view message) {
  constexpr std::string_view kRoots[] = {"authority.", "run.", "export.", "lifetime."};
  for (const std::string_view root : kRoots) {
    const auto at = message.find(root);
    if (at == std::string_view::npos || (at > 0 && message[at - 1] != ' ')) continue;
    std::string pointer = "/spec/";
    for (const char c : message.substr(at)) {
      if (c == '.' || c == '[') {
        pointer += '/';
      } else if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
        pointer += c;
      } else if (c != ']') {
        break;
      }
    }
    while (pointer.ends_with('/')) pointer.pop_back();
    return pointer;
  }
  return {};
}

std::string CellIdOf(const Admission& admission) {
  return admission.document ? admission.document->spec.id : std::string(kDefaultCellId);
}

RunOutcome OutcomeOf(const RunRequest& request, const Admission& admission) {
  RunOutcome out;
  out.cell_id = CellIdOf(admission);
  out.run_id = request.settings.run_id;
  out.notes = admission.warnings;
  if (!admission.admitted()) {
    out.reason = Reason::kRefused;
    out.refusal = admission.refusal;
    out.message = admission.message;
    for (const spec::Violation& v : admission.violations) out.violations.push_back({v.rule, v.pointer, v.message});
  }
  return out;
}

// A plan's facts have asked the machine for its boot already.
evidence::Machine ThisMachine(const Prepared& prepared) {
  utsname name{};
  ::uname(&name);
  std::string id = prepared.plan.facts.boot_id;
  if (!prepared.planned) {
    auto boot_id = sys::ReadFile(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64);
    id = boot_id ? std::move(*boot_id) : std::string();
    while (id.ends_with('\n')) id.pop_back();
  }
  return {.boot_id = std::move(id), .kernel = name.release, .arch = name.machine};
}

RunOutcome StartFailed(RunOutcome out, std::string_view phase, base::Error error) {
  out.reason = Reason::kStartFailed;
  out.phase = phase;
  out.message = std::move(error.message);
  return out;
}

// The log of a refusal: leaf 0, what led to it, closing, seal.
void RecordRefusal(EvidenceSession& evidence, const Admission& admission, RunOutcome& out) {
  Recorder& recorder = evidence.recorder();
  (void)recorder.OpenCoverage(event::Observer::kSupervisor, {"admission"});
  (void)recorder.OpenCoverage(event::Observer::kLog, {"events.jsonl"});
  for (const event::Draft& draft : admission.events) recorder.TryEmit(draft);
  event::AdmissionRefused refused{.reason = admission.refusal, .run_id = out.run_id};
  if (admission.document) {
    refused.cell_id = admission.document->spec.id;
    refused.spec_id = admission.document->spec.id;
  }
  for (const spec::Violation& v : admission.violations) refused.violations.push_back({v.rule, v.pointer, v.message});
  recorder.TryEmit(event::AdmissionRefusedEvent(refused));
  auto sealed =
      evidence.Seal({.reason = Reason::kRefused, .required_sources = spec::RequiredSourcesOfRefusal()});
  if (!sealed) {
    out.notes.push_back("the refusal could not be sealed: " + sealed.error().message);
    return;
  }
  out.evidence_size = sealed->size;
  out.evidence_root = sealed->root;
  out.evidence_complete = sealed->complete;
}

class OneRun {
 public:
  explicit OneRun(const RunRequest& request)
      : request_(request), clock_(base::SystemClock()), began_(clock_.Boot()) {}

  RunOutcome Do() {
    prepared_.admission = Admit(request_, clock_);
    out_ = OutcomeOf(request_, prepared_.admission);
    if (out_.run_id.empty()) out_.run_id = MakeRunId(out_.cell_id, clock_.Wall(), RandomNumber());
    if (!IsRunId(out_.run_id)) {
      return StartFailed(std::move(out_), "admission",
                         {base::ErrorKind::kInvalid, "run id " + base::Escape(out_.run_id) +
                                                         ": allowed are 1 to 128 of A-Z a-z 0-9 . _ - beginning with a "
                                                         "letter or digit"});
    }
    if (prepared_.admission.admitted()) PlanInto(request_, out_.run_id, prepared_);
    RefuseWhatCannotBePlanned();
    // Without a plan there is nothing to run and nothing that evidence could speak of.
    if (prepared_.admission.admitted() && !prepared_.planned) return std::move(out_);
    out_.phases.push_back({"admit, ask the machine, plan", clock_.Boot()});
    if (auto opened = OpenPrograms(); !opened) return StartFailed(std::move(out_), "gate", std::move(opened).error());
    auto live = LiveEntry::Create(*request_.state, out_.run_id);
    if (!live) return StartFailed(std::move(out_), "state", std::move(live).error());
    if (auto noted = live->NoteRunDirectory(request_.state->path() + "/runs/" + out_.run_id); !noted) {
      return StartFailed(std::move(out_), "state", std::move(noted).error());
    }
    auto evidence = EvidenceSession::Open(Inputs());
    if (!evidence) return EvidenceUnavailable(std::move(evidence).error());
    out_.phases.push_back({"live entry, keys, open log", clock_.Boot()});
    out_.evidence_dir = evidence->directory().path;
    out_.notes.insert(out_.notes.end(), evidence->notes().begin(), evidence->notes().end());
    if (evidence->made_deployment_key()) {
      out_.notes.push_back(fmt::format("made a deployment key, {}/deployment.ed25519.pem; give {}/deployment.vkey to those "
                                       "who shall verify",
                                       request_.state->KeysPath(), request_.state->KeysPath()));
    }
    return out_.reason == Reason::kRefused ? Refuse(*evidence) : RunCell(*evidence, *live);
  }

  // Something of the run is left for the collector.
  bool left_behind() const { return left_behind_; }

 private:
  static std::uint32_t RandomNumber() {
    std::uint8_t bytes[4]{};
    (void)crypto::FillRandom(bytes);
    return static_cast<std::uint32_t>(bytes[0]) << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
  }

  base::Result<> OpenPrograms() {
    if (!prepared_.planned || !prepared_.plan.network) return {};
    programs_ = TRY(NetworkPrograms::Open(*prepared_.plan.network));
    return {};
  }

  void RefuseWhatCannotBePlanned() {
    Admission& admission = prepared_.admission;
    if (!admission.admitted() || prepared_.planned) return;
    base::Error& error = *admission.plan_error;
    const bool machine = error.kind == base::ErrorKind::kUnavailable;
    if (machine) {
      // Nothing about the document is wrong: the start fails, and says what would help.
      out_.reason = Reason::kStartFailed;
      out_.phase = "plan";
    } else {
      admission.refusal = "controls";
      admission.violations.push_back({"plan", PointerIn(error.message), error.message});
      admission.message = error.message;
      out_.violations.push_back({"plan", PointerIn(error.message), error.message});
      out_.refusal = admission.refusal;
      out_.reason = Reason::kRefused;
    }
    out_.message = error.message;
  }

  EvidenceInputs Inputs() const {
    const Admission& admission = prepared_.admission;
    EvidenceInputs in{.state = request_.state,
                      .clock = &clock_,
                      .settings = &request_.settings,
                      .programs = &programs_,
                      .telemetry = prepared_.planned && prepared_.plan.telemetry,
                      .machine = ThisMachine(prepared_)};
    if (admission.document) {
      in.cell = CellRefOf(*admission.document, out_.run_id);
      in.ttl = std::chrono::seconds(admission.document->spec.lifetime.ttl_seconds);
    } else {
      in.cell = {.cell_id = out_.cell_id, .spec_id = out_.cell_id, .run_id = out_.run_id};
    }
    in.spec_digest = admission.spec_digest;
    if (!request_.document_too_large) in.document = request_.document;
    if (prepared_.planned) in.plan_json = prepared_.plan.ToJson();
    in.policy_pack_digest = admission.policy_pack_digest;
    return in;
  }

  // A refusal stays a refusal when its evidence can't be written; a run doesn't start without evidence.
  RunOutcome EvidenceUnavailable(base::Error error) {
    if (out_.reason == Reason::kRefused) {
      out_.notes.push_back("no evidence of this refusal could be written: " + error.message);
      return std::move(out_);
    }
    return StartFailed(std::move(out_), "evidence", std::move(error));
  }

  RunOutcome Refuse(EvidenceSession& evidence) {
    if (evidence.sink_error()) out_.notes.push_back(evidence.sink_error()->message);
    RecordRefusal(evidence, prepared_.admission, out_);
    return std::move(out_);
  }

  RunOutcome RunCell(EvidenceSession& evidence, LiveEntry& live) {
    RunOutcome out = ExecuteCell(evidence, live);
    left_behind_ = live.left_for_collector();
    return out;
  }

  RunOutcome ExecuteCell(EvidenceSession& evidence, LiveEntry& live) {
    out_.plan_digest = evidence.plan_digest();
    out_.backend = prepared_.plan.backend;
    for (const std::string& warning : prepared_.plan.warnings) out_.notes.push_back(warning);
    if (!prepared_.plan.working_directory_hint.empty()) out_.notes.push_back(prepared_.plan.working_directory_hint);
    const auto native = backend::MakeNativeBackend();
    return CellRun({.request = &request_,
                    .admission = &prepared_.admission,
                    .plan = &prepared_.plan,
                    .clock = &clock_,
                    .backend = native.get(),
                    .evidence = &evidence,
                    .live = &live,
                    .programs = &programs_,
                    .began = began_},
                   std::move(out_))
        .Execute();
  }

  const RunRequest& request_;
  const base::Clock& clock_;
  base::BootTime began_;
  Prepared prepared_;
  NetworkPrograms programs_;
  RunOutcome out_;
  bool left_behind_ = false;
};

}  // namespace

RunOutcome Run(const RunRequest& request) {
  // From here on keys and secrets are in memory: other processes of the same user shall not read them.
  (void)sys::ForbidTracing();
  // What a killed supervisor left is removed first; failing at that stops nobody.
  (void)CollectGarbage(*request.state);
  OneRun run(request);
  RunOutcome out = run.Do();
  // What could not be removed or sealed a moment ago may be now, and nobody may come for a long time.
  if (run.left_behind()) (void)CollectGarbage(*request.state);
  return out;
}

PlanResult MakePlanOnly(const RunRequest& request) {
  Prepared prepared{.admission = Admit(request, base::SystemClock())};
  PlanResult result;
  result.outcome = OutcomeOf(request, prepared.admission);
  if (!prepared.admission.admitted()) return result;
  PlanInto(request, request.settings.run_id, prepared);
  if (!prepared.planned) {
    const base::Error& error = *prepared.admission.plan_error;
    result.outcome = StartFailed(std::move(result.outcome), "plan", error);
    if (error.kind != base::ErrorKind::kUnavailable) {
      result.outcome.reason = Reason::kRefused;
      result.outcome.refusal = "controls";
      result.outcome.violations.push_back({"plan", PointerIn(error.message), error.message});
    }
    return result;
  }
  result.plan = std::move(prepared.plan);
  result.planned = true;
  result.outcome.reason = Reason::kCompleted;
  result.outcome.plan_digest = result.plan.Digest();
  return result;
}

}  // namespace cell
