// SPDX-License-Identifier: Apache-2.0
// A sink outside the log.
#include "event/outside_sink.h"

#include "event/json_object.h"

namespace event {
namespace {

// `leaf` with its data replaced and every other member as it stands.
base::Result<std::string> WithData(std::string_view leaf, const std::string& data) {
  const auto object = SplitObject(leaf);
  if (!object) return base::Fail(base::ErrorKind::kInvalid, "a leaf that is no object");
  std::string out = "{";
  for (const RawMember& member : object->members) {
    if (out.size() > 1) out.push_back(',');
    out.append(Quoted(member.name)).push_back(':');
    out.append(member.name == "data" ? std::string_view(data) : member.value);
  }
  return out + "}";
}

bool IsOfGuest(std::string_view type) {
  return type.contains(".observability.guest.") || type.contains(".observability.v1.guest.");
}

}  // namespace

base::Result<std::optional<OutsideSink::Prepared>> OutsideSink::Prepare(std::string_view leaf) const {
  std::optional<Event> event;
  if (options_.form == EventsForm::kPublished) {
    event = TRY(PublishedForm(leaf));
    if (!event) return std::nullopt;
  } else {
    event = TRY(LogForm(leaf));
  }
  options_.redaction.Apply(*event);
  Prepared prepared{.id = event->id, .type = event->type};
  if (options_.telemetry_signer && IsOfGuest(event->type)) {
    prepared.text = options_.telemetry_signer->Envelope(*event);
  } else if (options_.signer) {
    prepared.text = options_.signer->Wrap(*event).ToText();
  } else if (options_.form == EventsForm::kPublished) {
    prepared.text = event->ToText();
  } else if (options_.redaction.empty()) {
    prepared.text = leaf;
  } else {
    prepared.text = TRY(WithData(leaf, event->data));
  }
  return std::optional(std::move(prepared));
}

base::Result<> OutsideSink::Emit(const Delivered& event) {
  const std::optional<Prepared> prepared = TRY(Prepare(event.leaf));
  if (!prepared) return {};
  auto sent = transport_->Send({.text = prepared->text, .id = prepared->id, .type = prepared->type});
  if (sent || !options_.dead_letters) return sent;
  const auto kept = options_.dead_letters->Keep(sent.error().message, prepared->id, prepared->text);
  return kept ? base::Result<>{} : sent;
}

}  // namespace event
