// SPDX-License-Identifier: Apache-2.0
// From a leaf of the log to the published event.
#include "event/published_form.h"

#include <algorithm>
#include <vector>

#include "event/compliance_events.h"
#include "event/types.h"
#include "json/canonical.h"
#include "json/reader.h"
#include "json/writer.h"

namespace event {
namespace {

constexpr std::string_view kOurTypes[] = {
    kLogOpened,      kCoverageOpened, kCoverageClosed,   kFinding,       kClosing,
    kAdmissionRefused, kEffectiveControls, kSecretDelivered, kSecretRevoked, kSecretDenied,
    kNetworkFlowClosed, kGateFailed,  kIsolationRelaxed, kGuestAgentReturned, kGuestProcessExitStatus, kProcessCensus,
};

// Members of published events that only ours adds: type (empty: any), and the path inside `data`.
struct Addition {
  std::string_view type, path;
};
constexpr Addition kAdditions[] = {
    {"", "truncated"},
    {"", "correlation.truncated"},
    {"", "correlation.labelsBytes"},
    {"", "frameSha256"},
    {"", "nameMasked"},
    {"", "receipt.truncated"},
    {kStarted, "planDigest"},
    {kStarted, "policyPackDigest"},
    {kDestroyed, "reasonCode"},
    {kDestroyed, "newHookFiles"},
    {kDestroyed, "setIdFiles"},
    {kCommandCompleted, "signal"},
    {kCommandCompleted, "reason"},
    {kCommandCompleted, "argc"},
    {kExportCompleted, "receipt.sha256"},
    {kManifestFailed, "cellId"},
    {kManifestFailed, "runId"},
    {kHostCgroup, "inputs.hierarchy"},
    {kHostCgroup, "sampleError"},
    {kHostNftables, "sampleError"},
    {kHostTapLink, "sampleError"},
    {kHostFcMetrics, "sampleError"},
    {kHostFcMetrics, "output.totals"},
    {kHostNftables, "inputs.namespace"},
    {kHostNftables, "output.truncated"},
    {kGuestAgentSilenced, "hostReceivedAt"},
    {kGuestAgentSilenced, "specSignatureHash"},
    {kEvidenceBundle, "attestations"},
    {kEvidenceBundle, "guestEvents"},
    {kEvidenceBundle, "hostSeries"},
    {kEvidenceBundle, "lifecycle"},
    {kDnsQuery, "ruleRef"},
    {kDnsQuery, "askedServer"},
    {kDnsQuery, "transport"},
    {kDnsQuery, "suppressed"},
    {kL7EgressDecision, "flowId"},
    {kL7EgressDecision, "suppressed"},
    {kNetworkFlowDecision, "suppressed"},
    {kDnsQueryPermitted, "runId"},
    {kNetworkFlowDecision, "flowId"},
    {kNetworkFlowDecision, "query"},
    {kNetworkFlowDecision, "ruleRef"},
    {kNetworkFlowDecision, "sni"},
    {kNetworkFlowDecision, "httpHost"},
    {kNetworkFlowDecision, "alpn"},
    {kNetworkFlowDecision, "srcPort"},
};

bool IsAddition(std::string_view type, const std::string& path) {
  return std::ranges::any_of(kAdditions, [&](const Addition& addition) {
    return addition.path == path && (addition.type.empty() || addition.type == type);
  });
}

class Writer {
 public:
  explicit Writer(std::string_view type) : type_(type) {}

  std::string Write(const json::Value& data) {
    if (!data.is_object()) return json::Sorted(data);
    std::string out;
    AppendObject(out, data, "");
    return out;
  }

 private:
  // Paths have at most two members, so only the first level of objects inside `data` is looked into.
  void AppendObject(std::string& out, const json::Value& object, const std::string& parent) {
    std::vector<const json::Member*> members;
    for (const json::Member& member : object.object()) members.push_back(&member);
    std::ranges::sort(members, {}, [](const json::Member* member) { return member->name; });
    out.push_back('{');
    for (const json::Member* member : members) {
      const std::string path = parent + std::string(member->name);
      if (IsAddition(type_, path)) continue;
      if (out.back() != '{') out.push_back(',');
      json::AppendString(out, member->name);
      out.push_back(':');
      if (member->value.is_object() && parent.empty()) {
        AppendObject(out, member->value, path + ".");
      } else {
        json::AppendSorted(out, member->value);
      }
    }
    out.push_back('}');
  }

  std::string_view type_;
};

// The ratio that the log carries as two integers.
void AddEfficiency(std::string& data, const json::Value& log_data) {
  const json::Value* declared = log_data.Find("declaredEgressRules");
  const json::Value* exercised = log_data.Find("exercisedEgressConnections");
  if (declared == nullptr || declared->kind() != json::Kind::kUint || exercised == nullptr) return;
  const auto count = exercised->kind() == json::Kind::kUint ? std::optional(exercised->unsigned_integer()) : std::nullopt;
  std::string ratio;
  json::AppendNumber(ratio, json::Value::Double(AuthorityEfficiency(declared->unsigned_integer(), count), {}));
  data.pop_back();
  data.append(",\"authorityEfficiency\":").append(ratio).push_back('}');
  if (const auto tree = json::Parse(data)) data = json::Sorted(tree->root());
}

// Types without a word of the contract are published as "A", as its schema demands; the log says TYPEnnn.
void NameTypeAsPublished(std::string& data) {
  constexpr std::string_view kUnnamed = "\"queryType\":\"TYPE";
  const auto at = data.find(kUnnamed);
  // Inside a string the quotes would be escaped.
  if (at == data.npos) return;
  const auto begin = at + kUnnamed.size() - 4;
  data.replace(begin, data.find('"', begin) - begin, "A");
}

// The envelope of a guest declaration has the time that its data has, in seconds: those are the bytes that are signed.
void TakeGuestTime(Event& event, const json::Value& log_data) {
  const json::Value* host = log_data.Find("host");
  const json::Value* at = host == nullptr ? nullptr : host->Find("hostReceivedAt");
  if (at != nullptr && at->is_string()) event.time = at->string();
}

}  // namespace

std::string_view ToString(EventsForm form) { return form == EventsForm::kPublished ? "published" : "log"; }

std::optional<EventsForm> EventsFormOf(std::string_view name) {
  for (const EventsForm form : {EventsForm::kPublished, EventsForm::kLog}) {
    if (ToString(form) == name) return form;
  }
  return std::nullopt;
}

bool IsOurType(std::string_view type) { return std::ranges::find(kOurTypes, type) != std::end(kOurTypes); }

base::Result<Event> LogForm(std::string_view leaf) { return ReadEvent(leaf); }

base::Result<std::optional<Event>> PublishedForm(std::string_view leaf) {
  Event event = TRY(ReadEvent(leaf));
  if (IsOurType(event.type)) return std::nullopt;
  const auto data = json::Parse(event.data, {.max_bytes = kMaxEventBytes, .max_depth = kMaxEventDepth});
  if (!data) return std::unexpected(json::ToError(data.error(), "event data"));
  event.data = Writer(event.type).Write(data->root());
  if (event.type == kDnsQuery) NameTypeAsPublished(event.data);
  if (event.type == kHomeostasis) AddEfficiency(event.data, data->root());
  if (event.source == kSourceGuestTelemetry) TakeGuestTime(event, data->root());
  return std::optional(std::move(event));
}

}  // namespace event
