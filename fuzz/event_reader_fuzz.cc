// SPDX-License-Identifier: Apache-2.0
// Everything that reads events from outside: the strict reader, signed envelopes, the published form, redaction, the
// state projection and the URL cleaner.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "event/event.h"
#include "event/projection.h"
#include "event/published_form.h"
#include "event/redaction.h"
#include "event/signed_envelope.h"
#include "event/subject.h"
#include "json/reader.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// What was read and written again reads as the same.
void CheckRoundTrip(std::string_view text, event::Numbers numbers) {
  const auto once = event::ReadEvent(text, numbers);
  if (!once) return;
  const std::string written = once->ToText();
  const auto twice = event::ReadEvent(written);
  if (!twice) return Check(written.size() > event::kMaxEventBytes);  // escapes may make it longer
  if (numbers == event::Numbers::kNearest) Check(twice->ToText() == written);
}

void CheckRedaction(std::string_view text) {
  auto event = event::ReadEvent(text);
  if (!event) return;
  const auto redaction = event::Redaction::FromSetting("defaults");
  redaction.Apply(*event);
  const std::string once = event->data;
  redaction.Apply(*event);
  Check(event->data == once);
}

void CheckProjection(std::string_view text) {
  const auto tree = json::Parse(text, {.max_bytes = event::kMaxEventBytes, .max_depth = event::kMaxEventDepth});
  if (!tree) return;
  event::Projection projection;
  const auto apply = [&](const json::Value& value) {
    const std::string before = projection.snapshot().ToJson();
    if (!projection.Apply(value)) Check(projection.snapshot().ToJson() == before);
  };
  if (!tree->root().is_array()) return apply(tree->root());
  for (const json::Value& value : tree->root().array()) apply(value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckRoundTrip(text, event::Numbers::kNearest);
  CheckRoundTrip(text, event::Numbers::kPublished);
  CheckRedaction(text);
  CheckProjection(text);
  static const event::VerifyingKeys keys{{{"k1", base::Bytes(32, 7)}, {"short", base::Bytes(3, 7)}},
                                         {{"h1", base::Bytes(16, 9)}, {"empty", {}}}};
  static_cast<void>(event::DecodeEvent(text, keys, event::Signing::kOptional));
  static_cast<void>(event::DecodeEvent(text, keys, event::Signing::kRequired));
  static_cast<void>(event::DecodeEvent(text, {}, event::Signing::kOptional));
  Check(!event::DecodeEvent(text, {}, event::Signing::kRequired).has_value());  // without keys nothing is signed
  static_cast<void>(event::VerifyEnvelope(text, keys));
  static_cast<void>(event::PublishedForm(text));
  static_cast<void>(event::ParseSubjectUrn(text));
  static_cast<void>(event::CleanUrls(text));
  return 0;
}
