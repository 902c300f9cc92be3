// SPDX-License-Identifier: Apache-2.0
// Vectors of redaction: URLs in texts, names of secret fields, the redacting sink.
#include <string>

#include "event/json_object.h"
#include "event/redaction.h"
#include "vectors/kind.h"

namespace vectors {

Outcome JudgeRedaction(const json::Value& record, const Source&) {
  event::Object object;
  if (const auto text = TextAt(record, {"input", "text"})) {
    object.Add("output", event::CleanUrls(*text));
  } else if (const auto name = TextAt(record, {"input", "name"})) {
    object.Add("sensitive", event::IsSensitiveName(*name));
  } else if (const json::Value* given = At(record, {"input", "event"})) {
    auto event = event::ReadEvent(ToText(*given));
    if (!event) return Failed("the event does not decode: " + event.error().message);
    const auto setting = TextAt(record, {"input", "setting"});
    event::Redaction::FromSetting(setting ? std::optional(std::string(*setting)) : std::nullopt).Apply(*event);
    object.Raw("emitted", event->ToText());
  } else {
    return Skipped("unknown kind of redaction vector");
  }
  return Compare(record, object.Take());
}

}  // namespace vectors
