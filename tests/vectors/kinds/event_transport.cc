// SPDX-License-Identifier: Apache-2.0
// Vectors of events on their way: decoding, the signing sink, subjects, digests of documents.
#include <string>

#include "crypto/sha256.h"
#include "event/json_object.h"
#include "event/signed_envelope.h"
#include "event/subject.h"
#include "vectors/kind.h"

namespace vectors {
namespace {

std::optional<std::string> SettingAt(const json::Value& record, std::string_view group, std::string_view name) {
  const auto text = TextAt(record, {"input", group, name});
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

Outcome JudgeDecode(const json::Value& record) {
  event::VerifyingKeys keys;
  if (const json::Value* object = At(record, {"input", "verifying_keys_hex"}); object != nullptr) {
    for (const json::Member& member : object->object()) {
      keys.ed25519.emplace(member.name, base::HexDecode(member.value.string()).value_or(base::Bytes()));
    }
  }
  const json::Value* required = At(record, {"input", "require_signed"});
  const bool require = required != nullptr && required->kind() == json::Kind::kBool && required->boolean();
  const auto decoded = event::DecodeEvent(TextAt(record, {"input", "text"}).value_or(""), keys,
                                          require ? event::Signing::kRequired : event::Signing::kOptional);
  event::Object object;
  if (decoded) {
    object.Raw("event", decoded->ToText()).Add("ok", true);
  } else {
    object.Add("error", ToString(decoded.error().fault)).Add("ok", false);
  }
  return Compare(record, object.Take());
}

Outcome JudgeSigningSink(const json::Value& record) {
  const auto signer = event::SignerFromSettings({SettingAt(record, "env", "CELLOS_EVENT_SIGNING"),
                                                 SettingAt(record, "env", "CELLOS_EVENT_SIGNING_KID"),
                                                 SettingAt(record, "env", "CELLOS_EVENT_SIGNING_KEY_BASE64")});
  event::Object object;
  if (!signer) {
    object.Add("error", "signer_misconfigured").Add("signed", false);
    object.Add("warned", std::vector{signer.error().setting});
    return Compare(record, object.Take());
  }
  const auto event = event::ReadEvent(TextAt(record, {"input", "event_text"}).value_or(""));
  if (!event) return Failed("the event does not decode: " + event.error().message);
  object.Raw("emitted", *signer ? (*signer)->Wrap(*event).ToText() : event->ToText());
  object.Add("signed", signer->has_value());
  object.Raw("warned", "[]");
  return Compare(record, object.Take());
}

Outcome JudgeSubject(const json::Value& record) {
  const auto subject = event::EventSubject({SettingAt(record, "settings", "CELLOS_EVENTS_SUBJECT_TEMPLATE"),
                                            SettingAt(record, "settings", "CELLOS_TENANT_ID"),
                                            SettingAt(record, "settings", "CELL_OS_EVENTS_SUBJECT")},
                                           TextAt(record, {"input", "spec_id"}).value_or(""),
                                           TextAt(record, {"input", "run_id"}).value_or(""),
                                           TextAt(record, {"input", "tenant_id"}));
  event::Object object;
  object.Add("subject", subject);
  if (!subject) object.Add("error", "bad_tenant_id");
  return Compare(record, object.Take());
}

}  // namespace

Outcome JudgeEventTransport(const json::Value& record, const Source&) {
  const auto kind = TextAt(record, {"input", "kind"}).value_or("");
  if (kind == "decode_event") return JudgeDecode(record);
  if (kind == "signing_sink") return JudgeSigningSink(record);
  if (kind == "event_subject") return JudgeSubject(record);
  if (kind == "document_digest") {
    event::Object object;
    object.Add("digest", crypto::Hex(crypto::Sha256Of(TextAt(record, {"input", "text"}).value_or(""))));
    return Compare(record, object.Take());
  }
  return Skipped("unknown kind of transport vector: " + std::string(kind));
}

}  // namespace vectors
