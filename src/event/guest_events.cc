// SPDX-License-Identifier: Apache-2.0
// Data of what the witness inside a cell declares.
#include "event/guest_events.h"

#include <charconv>

#include "base/encoding.h"
#include "event/cell_ref_members.h"
#include "json/writer.h"

namespace event {
namespace {

struct Source {
  std::string_view name, type;
};
constexpr Source kSources[] = {
    {"process.spawned", kGuestProcessSpawned},
    {"process.exited", kGuestProcessExited},
    {"capability.denied", kGuestCapabilityDenied},
    {"fs.inotify_fired", kGuestFsInotifyFired},
    {"net.connect_attempted", kGuestNetConnectAttempted},
};

void AppendNumber(std::string& out, std::uint64_t value) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

void AppendMember(std::string& out, std::string_view name, std::string_view text) {
  out.append(name);
  json::AppendString(out, text);
}

enum class Payload : std::uint8_t { kMonotonic, kNone };

// Frames come by the hundred thousand: one string, its members written in their order. `cause` goes before
// `frameSha256`.
base::Result<std::string> WriteData(const CellRef& cell, const GuestDeclaration& declaration, Payload payload,
                                    std::string_view cause) {
  if (declaration.received_at < base::WallTime{}) {
    return base::Fail(base::ErrorKind::kInvalid, "a guest event can't be received before 1970: set the host's clock");
  }
  std::string out;
  out.reserve(512);
  out.push_back('{');
  out.append(cause);
  if (!declaration.frame_sha256.empty()) {
    AppendMember(out, R"("frameSha256":)", declaration.frame_sha256);
    out.push_back(',');
  }
  AppendMember(out, R"("guest":{"guestComm":)", declaration.comm);
  if (payload == Payload::kMonotonic) {
    out.append(R"(,"guestMonotonicNs":)");
    AppendNumber(out, declaration.monotonic_ns);
  }
  out.append(R"(,"guestPid":)");
  AppendNumber(out, declaration.pid);
  AppendMember(out, R"(,"probeSource":)", declaration.probe_source);
  AppendMember(out, R"(},"host":{"cellId":)", cell.cell_id);
  AppendMember(out, R"(,"hostReceivedAt":)", base::FormatSeconds(declaration.received_at));
  AppendMember(out, R"(,"runId":)", cell.run_id.value_or(std::string()));
  AppendMember(out, R"(,"specSignatureHash":)", declaration.spec_signature_hash);
  out.append(R"(},"provenance":"declared"})");
  return out;
}

Draft Claim(std::string_view type, const GuestDeclaration& declaration, std::string data) {
  return {.type = type,
          .source = kSourceGuestTelemetry,
          .observer = Observer::kAgent,
          .data = std::move(data),
          .observed_at = declaration.seen_at,
          .time = declaration.received_at};
}

void AddStamp(Object& object, const AgentSilence& silence) {
  if (silence.received_at) object.Add("hostReceivedAt", base::FormatMillis(*silence.received_at));
  object.Add("specSignatureHash", silence.spec_signature_hash);
}

Draft OfChannel(std::string_view type, Object object, std::optional<base::WallTime> time) {
  Draft draft = Finish(type, std::move(object));
  draft.time = time;
  return draft;
}

}  // namespace

std::string_view GuestTypeOf(std::string_view probe_source) {
  for (const Source& source : kSources) {
    if (source.name == probe_source) return source.type;
  }
  return {};
}

base::Result<std::string> GuestDeclarationData(const CellRef& cell, const GuestDeclaration& declaration) {
  return WriteData(cell, declaration, Payload::kMonotonic, {});
}

base::Result<Draft> GuestDeclarationEvent(const CellRef& cell, const GuestDeclaration& declaration) {
  const std::string_view type = GuestTypeOf(declaration.probe_source);
  if (type.empty()) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "unknown guest probe source: " + base::Escape(declaration.probe_source));
  }
  return Claim(type, declaration, TRY(GuestDeclarationData(cell, declaration)));
}

std::string_view ToString(ExitKind kind) { return kind == ExitKind::kExited ? "exited" : "signal"; }

base::Result<Draft> GuestExitStatusEvent(const CellRef& cell, const GuestExitStatus& exit) {
  std::string cause;
  AppendMember(cause, R"("cause":{"kind":)", ToString(exit.kind));
  cause.append(R"(,"status":)");
  AppendNumber(cause, exit.status);
  cause.append("},");
  return Claim(kGuestProcessExitStatus, exit.declaration,
               TRY(WriteData(cell, exit.declaration, Payload::kNone, cause)));
}

Draft AgentSilencedEvent(const CellRef& cell, const AgentSilence& silence) {
  Object object = BeginShort(cell);
  object.Add("elapsedMs", silence.elapsed_ms);
  object.Add("epistemicStatus", "DECLARED");
  object.Add("keepaliveWindowMs", silence.window_ms);
  object.Add("ruleClass", "GUEST_AGENT_DECLARATION");
  AddStamp(object, silence);
  return OfChannel(kGuestAgentSilenced, std::move(object), silence.received_at);
}

Draft AgentReturnedEvent(const CellRef& cell, const AgentSilence& silence) {
  Object object = BeginShort(cell);
  object.Add("elapsedMs", silence.elapsed_ms).Add("keepaliveWindowMs", silence.window_ms);
  AddStamp(object, silence);
  return OfChannel(kGuestAgentReturned, std::move(object), silence.received_at);
}

Draft TelemetryDroppedEvent(const CellRef& cell, const TelemetryDropped& dropped) {
  Object refused;
  for (const auto& [name, count] : dropped.refused) refused.Add(name, count);
  Object object = BeginShort(cell);
  object.Add("accepted", dropped.accepted).Add("droppedByAgent", dropped.dropped_by_agent);
  object.Add("heartbeats", dropped.heartbeats);
  object.Add("hostReceivedAt", base::FormatMillis(dropped.received_at));
  object.Add("overRate", dropped.over_rate).Add("read", dropped.read);
  object.Raw("refused", refused.Take());
  object.Add("specSignatureHash", dropped.spec_signature_hash);
  return OfChannel(kGuestTelemetryDropped, std::move(object), dropped.received_at);
}

}  // namespace event
