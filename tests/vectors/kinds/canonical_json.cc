// SPDX-License-Identifier: Apache-2.0
// The bytes of an event that are signed: form D with sorted data, and form C of the next version.
#include "event/event.h"
#include "json/writer.h"
#include "vectors/kinds.h"

namespace vectors {

Outcome JudgeCanonicalJson(const json::Value& record, const Source&) {
  const auto text = TextAt(record, {"input", "event_text"});
  if (!text) return Failed("no input.event_text");
  const auto event = event::ReadEvent(*text);
  std::string actual;
  json::Writer writer(actual);
  writer.BeginObject().Member("ok", event.has_value());
  if (event) {
    writer.Member("canonical", event->ToText()).Member("canonical_08", event->ToSortedText());
  } else {
    writer.Member("error", "malformed_event");
  }
  writer.EndObject();
  return Compare(record, actual);
}

}  // namespace vectors
