// SPDX-License-Identifier: Apache-2.0
// Vectors of event data: each record names a builder and its arguments. Builders that belong to parts which do not exist
// yet are skipped by name.
#include <charconv>
#include <string>
#include <vector>

#include "event/compliance_events.h"
#include "event/evidence_events.h"
#include "event/json_object.h"
#include "event/leaf_writer.h"
#include "event/probe_events.h"
#include "event/published_form.h"
#include "event/subject.h"
#include "json/canonical.h"
#include "json/reader.h"
#include "probe/flat_keys.h"
#include "vectors/kind.h"
#include "vectors/kinds/events_data_builders.h"

namespace vectors {
namespace {

// The published event of `draft` as if it had been logged at `time`, with an id of the shape that the vectors leave out.
base::Result<std::string> WholeEvent(const event::Draft& draft, std::string_view time) {
  std::string leaf;
  event::WriteLeaf(leaf, draft, {.sequence = 0, .boot = {}, .time = time, .id = "x"});
  const auto published = TRY(event::PublishedForm(leaf));
  if (!published) return base::Fail(base::ErrorKind::kInternal, "a type of ours");
  return published->ToText();
}

// `text` without the members that the record says vary.
std::string WithoutVarying(const Value& record, const std::string& text) {
  const auto tree = json::Parse(text);
  event::Object object;
  for (const json::Member& member : tree->root().object()) {
    bool varies = false;
    if (const Value* list = At(record, {"expect", "varies"}); list != nullptr) {
      for (const Value& name : list->array()) varies = varies || name.string() == member.name;
    }
    if (!varies) object.Raw(member.name, json::Sorted(member.value));
  }
  return object.Take();
}

// `event` and, where the record tells it, the shape of the id that `draft` will get.
void AddEvent(event::Object& object, const Value& record, const event::Draft& draft, const std::string& whole) {
  object.Raw("event", WithoutVarying(record, whole));
  object.Add("id_form", draft.id_form == event::IdForm::kUuid ? "<uuid-v4>" : "urn:cellos:event:<uuid-v4>");
  if (const Value* varies = At(record, {"expect", "varies"})) object.Raw("varies", json::Sorted(*varies));
}

Outcome JudgeBuilder(const Value& record, const Builder& builder, const Arguments& args) {
  event::Draft draft = builder.build(args);
  const std::string source = args.TextOr("source", std::string(draft.source));
  draft.source = source;
  const auto whole = WholeEvent(draft, args.TextOr("time", "2026-01-02T03:04:05.678Z"));
  if (!whole) return Failed(whole.error().message);
  const auto tree = json::Parse(*whole);
  event::Object object;
  object.Add("ok", true);
  object.Raw("data", json::Sorted(*tree->root().Find("data")));
  AddEvent(object, record, draft, *whole);
  return Compare(record, object.Take());
}

Outcome ValueOf(const Value& record, const std::string& json) {
  event::Object object;
  object.Add("ok", true).Raw("value", json);
  return Compare(record, object.Take());
}
Outcome Error(const Value& record, std::string_view error) {
  event::Object object;
  object.Add("error", error).Add("ok", false);
  return Compare(record, object.Take());
}

// "2031-02-03T04:05:06.9999+02:00", cut to milliseconds.
base::WallTime ParseTime(const std::string& text) {
  const auto number = [&](std::size_t at, std::size_t size) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + std::min(at + size, text.size()), value);
    return value;
  };
  using namespace std::chrono;
  const sys_days day = year(number(0, 4)) / month(static_cast<unsigned>(number(5, 2))) /
                       std::chrono::day(static_cast<unsigned>(number(8, 2)));
  base::WallTime time = day + hours(number(11, 2)) + minutes(number(14, 2)) + seconds(number(17, 2)) + milliseconds(0);
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    std::string digits = text.substr(at + 1, text.find_first_not_of("0123456789", at + 1) - at - 1);
    at += digits.size() + 1;
    digits.resize(3, '0');
    time += milliseconds(std::stoi(digits));
  }
  if (at < text.size() && text[at] != 'Z') {
    const auto offset = hours(number(at + 1, 2)) + minutes(number(at + 4, 2));
    time -= text[at] == '-' ? -offset : offset;
  }
  return time;
}

Outcome JudgeHostProbe(const Value& record, const Arguments& args) {
  const auto draft = event::HostProbeEvent(CellOf(args), {.source = args.TextOr("probe_source"),
                                                          .inputs = args.Json("inputs"),
                                                          .output = args.Json("output"),
                                                          .received_at = ParseTime(args.TextOr("host_received_at")),
                                                          .spec_signature_hash = args.TextOr("spec_signature_hash")});
  if (!draft) return Error(record, "unknown_probe");
  const auto whole = WholeEvent(*draft, base::FormatMillis(*draft->time));
  if (!whole) return Failed(whole.error().message);
  event::Object object;
  object.Add("ok", true);
  AddEvent(object, record, *draft, *whole);
  return Compare(record, object.Take());
}

Outcome JudgeData(const Value& record, const std::string& data) {
  event::Object object;
  object.Add("ok", true).Raw("data", data);
  return Compare(record, object.Take());
}

// The published bytes around the stamped data.
Outcome JudgeStamped(const Value& record, const Arguments& args) {
  const auto stamped = StampGuest(args);
  if (!stamped) return Error(record, "bad_time");
  const event::Event whole{.specversion = "1.0",
                           .id = args.TextOr("event_id"),
                           .source = args.TextOr("source"),
                           .type = args.TextOr("event_type"),
                           .datacontenttype = "application/json",
                           .data = stamped->data,
                           .time = stamped->time};
  event::Object object;
  object.Add("ok", true).Raw("event", whole.ToText());
  return Compare(record, object.Take());
}

Outcome JudgeUrn(const Value& record, const std::expected<std::string, event::UrnFault>& urn) {
  return urn ? ValueOf(record, event::Quoted(*urn)) : Error(record, ToString(urn.error()));
}

// The recorded event is a placeholder that ours does not send: only its reference is compared.
Outcome JudgeBundleUrn(const Value& record, const Arguments& args) {
  const auto urn = event::ParseSubjectUrn(event::EvidenceBundleUrn(args.TextOr("run_id")));
  if (!urn) return Error(record, ToString(urn.error()));
  const Value* expected = Expected(record, "urn");
  if (expected == nullptr) return EitherPasses(record) ? Passed() : Failed("expected an error");
  return expected->string() == *urn ? Passed() : Mismatch("urn", expected->string(), *urn);
}

Outcome JudgeEfficiency(const Value& record, const Arguments& args) {
  std::string text;
  const double ratio =
      event::AuthorityEfficiency(args.Natural("declared").value_or(0), args.Natural("exercised"));
  json::AppendNumber(text, Value::Double(ratio, {}));
  return ValueOf(record, text);
}

}  // namespace

Outcome JudgeEventsData(const Value& record, const Source&) {
  const auto name = TextAt(record, {"input", "builder"}).value_or("");
  const Arguments args(At(record, {"input", "args"}));
  if (const Builder* builder = FindBuilder(name)) return JudgeBuilder(record, *builder, args);
  if (const auto data = TelemetryData(name, args)) return JudgeData(record, *data);
  if (name == "host_stamped_envelope") return JudgeStamped(record, args);
  if (name == "compute_efficiency") return JudgeEfficiency(record, args);
  if (name == "build_host_probe_envelope") return JudgeHostProbe(record, args);
  if (name == "cell_subject_urn") return JudgeUrn(record, event::CellUrn(args.TextOr("cell_id")));
  if (name == "parse_subject_urn") return JudgeUrn(record, event::ParseSubjectUrn(args.TextOr("urn")));
  if (name == "destruction_evidence") return JudgeBundleUrn(record, args);
  if (name == "parse_flat_kv") {
    const auto keys = probe::ParseFlatKeys(args.TextOr("text"));
    return keys ? ValueOf(record, probe::ToJson(*keys)) : Error(record, "parse_error");
  }
  return Skipped("builder of a part that does not exist yet: " + std::string(name));
}

}  // namespace vectors
