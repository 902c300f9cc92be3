// SPDX-License-Identifier: Apache-2.0
// Vectors of signed events; those of signed documents go to their own judge.
#include <string>

#include "event/json_object.h"
#include "event/signed_envelope.h"
#include "vectors/kind.h"

namespace vectors {

// In signatures_documents.cc: parse_keys_file, verify_keyset_single, verify_keyset_chain, verify_derivation.
[[gnu::weak]] Outcome RunDocumentSignature(const json::Value& record);

namespace {

std::map<std::string, base::Bytes, std::less<>> KeysAt(const json::Value& record, std::string_view name) {
  std::map<std::string, base::Bytes, std::less<>> keys;
  const json::Value* object = At(record, {"input", name});
  if (object == nullptr || !object->is_object()) return keys;
  for (const json::Member& member : object->object()) {
    keys.emplace(member.name, base::HexDecode(member.value.string()).value_or(base::Bytes()));
  }
  return keys;
}

std::string ErrorJson(std::string_view error, bool with_ok) {
  event::Object object;
  object.Add("error", error);
  if (with_ok) object.Add("ok", false);
  return object.Take();
}

Outcome JudgeSigning(const json::Value& record) {
  const auto event = event::ReadEvent(TextAt(record, {"input", "event_text"}).value_or(""), event::Numbers::kPublished);
  if (!event) return Compare(record, ErrorJson("malformed_event", false));
  const std::string kid(TextAt(record, {"input", "kid"}).value_or(""));
  auto signer = TextAt(record, {"input", "algorithm"}) == "ed25519"
                    ? event::EventSigner::WithSeed(HexAt(record, {"input", "seed_hex"}).value_or(base::Bytes()), kid)
                    : event::EventSigner::WithHmacKey(
                          HexAt(record, {"input", "hmac_key_hex"}).value_or(base::Bytes()), kid);
  if (!signer) return Compare(record, ErrorJson("bad_key_length", false));
  event::Object object;
  object.Add("envelope", signer->Envelope(*event));
  object.Add("payload", event->ToText());
  object.Add("signature", signer->Sign(*event));
  return Compare(record, object.Take());
}

Outcome JudgeVerifying(const json::Value& record) {
  const event::VerifyingKeys keys{KeysAt(record, "verifying_keys_hex"), KeysAt(record, "hmac_keys_hex")};
  const auto verified = event::VerifyEnvelope(TextAt(record, {"input", "envelope_text"}).value_or(""), keys);
  if (!verified) return Compare(record, ErrorJson(ToString(verified.error().fault), true));
  return Compare(record, R"({"ok":true})");
}

}  // namespace

Outcome JudgeSignatures(const json::Value& record, const Source&) {
  const auto kind = TextAt(record, {"input", "kind"}).value_or("");
  if (kind == "sign_event") return JudgeSigning(record);
  if (kind == "verify_event") return JudgeVerifying(record);
  if (RunDocumentSignature == nullptr) return Skipped("signed documents: no judge in this build");
  return RunDocumentSignature(record);
}

}  // namespace vectors
