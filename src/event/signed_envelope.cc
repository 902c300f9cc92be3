// SPDX-License-Identifier: Apache-2.0
// Verifying and decoding of signed events.
#include "event/signed_envelope.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "crypto/sha256.h"
#include "event/types.h"
#include "json/canonical.h"
#include "json/reader.h"

namespace event {
namespace {

std::unexpected<EnvelopeError> Refuse(EnvelopeFault fault, std::string message) {
  return std::unexpected(EnvelopeError{fault, "signed event envelope: " + std::move(message)});
}

struct Envelope {
  Event event;
  Event published;       // the same with its numbers as the published signers read them
  std::string extended;  // sorted form with the event's `cex…` members; empty when it has none
  std::string kid, algorithm, signature;
};

std::optional<std::string> TextOf(const RawObject& object, std::string_view name) {
  const RawMember* member = object.Find(name);
  if (member == nullptr || !member->value.starts_with('"')) return std::nullopt;
  const auto tree = json::Parse(member->value, {.max_bytes = kMaxEventBytes});
  if (!tree) return std::nullopt;
  return std::string(tree->root().string());
}

bool IsTextOrAbsent(const RawObject& object, std::string_view name) {
  const RawMember* member = object.Find(name);
  return member == nullptr || member->value == "null" || member->value.starts_with('"');
}

// The sorted form of `event` with further members beside its own.
std::string SortedWith(const Event& event, const std::vector<const RawMember*>& extensions) {
  std::string text = event.ToSortedText();
  text.pop_back();
  for (const RawMember* member : extensions) {
    text.append(",\"").append(member->name).append("\":").append(member->value);
  }
  text.push_back('}');
  const auto tree = json::Parse(text, {.max_bytes = 2 * kMaxEventBytes, .max_depth = kMaxEventDepth + 1});
  return tree ? json::Sorted(tree->root()) : std::string();
}

bool IsExtensionName(std::string_view name) {
  return name.starts_with("cex") &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

// The event inside an envelope: what no signature covers has no business in it.
EnvelopeResult<void> ReadInner(const RawObject& inner, Envelope& envelope) {
  std::vector<const RawMember*> extensions;
  for (const RawMember& member : inner.members) {
    if (IsEventMember(member.name)) continue;
    if (!IsExtensionName(member.name)) {
      return Refuse(EnvelopeFault::kUnknownMember,
                    "no signature covers the event's member \"" + base::Escape(member.name) + "\"");
    }
    extensions.push_back(&member);
  }
  if (inner.repeated) return Refuse(EnvelopeFault::kMalformedDocument, "the event gives a member twice");
  auto event = ReadEvent(inner);
  if (!event) return Refuse(EnvelopeFault::kMalformedDocument, std::move(event).error().message);
  envelope.event = std::move(*event);
  envelope.published = *ReadEvent(inner, Numbers::kPublished);
  if (!extensions.empty()) envelope.extended = SortedWith(envelope.event, extensions);
  return {};
}

EnvelopeResult<Envelope> ReadEnvelope(const RawObject& object) {
  const auto malformed = [](std::string what) { return Refuse(EnvelopeFault::kMalformedDocument, std::move(what)); };
  if (object.repeated) return malformed("a member is given twice");
  auto kid = TextOf(object, "signerKid"), algorithm = TextOf(object, "algorithm"),
       signature = TextOf(object, "signature");
  if (!kid || !algorithm || !signature) return malformed("signerKid, algorithm and signature must be strings");
  if (!IsTextOrAbsent(object, "notBefore") || !IsTextOrAbsent(object, "notAfter")) {
    return malformed("notBefore and notAfter must be strings");
  }
  const RawMember* event = object.Find("event");
  const auto inner = event != nullptr ? SplitObject(event->value) : std::nullopt;
  if (!inner) return malformed("member \"event\" must be an object");
  Envelope envelope{.kid = std::move(*kid), .algorithm = std::move(*algorithm), .signature = std::move(*signature)};
  auto read = ReadInner(*inner, envelope);
  if (!read) return std::unexpected(std::move(read).error());
  return envelope;
}

// What a signature may be over, and the event that it then covers.
struct SignedText {
  std::string text;
  const Event* event;
};

// This version's form and the next one's, or only the one that covers everything.
std::vector<SignedText> SignedTexts(const Envelope& envelope) {
  if (!envelope.extended.empty()) return {{envelope.extended, &envelope.event}};
  std::vector<SignedText> texts;
  for (const Event* event : {&envelope.event, &envelope.published}) {
    texts.push_back({event->ToText(), event});
    texts.push_back({event->ToSortedText(), event});
    if (envelope.published.data == envelope.event.data) break;
  }
  return texts;
}

const base::Bytes* KeyOf(const std::map<std::string, base::Bytes, std::less<>>& keys, const std::string& kid) {
  const auto found = keys.find(kid);
  return found == keys.end() ? nullptr : &found->second;
}

EnvelopeResult<Event> VerifyEd25519(const Envelope& envelope, base::ByteSpan signature,
                                             const VerifyingKeys& keys) {
  const base::Bytes* key = KeyOf(keys.ed25519, envelope.kid);
  if (key == nullptr) {
    return Refuse(EnvelopeFault::kUnknownSigner, "no ed25519 key named \"" + base::Escape(envelope.kid) + "\"");
  }
  crypto::PublicKey public_key{};
  if (key->size() != public_key.size()) return Refuse(EnvelopeFault::kBadKeyLength, "an ed25519 key has 32 bytes");
  std::ranges::copy(*key, public_key.begin());
  if (signature.size() != crypto::Signature().size()) {
    return Refuse(EnvelopeFault::kBadSignatureLength, "an ed25519 signature has 64 bytes");
  }
  for (const SignedText& signed_text : SignedTexts(envelope)) {
    if (crypto::VerifyEd25519(public_key, base::AsBytes(signed_text.text), signature)) return *signed_text.event;
  }
  return Refuse(EnvelopeFault::kSignatureMismatch, "the signature does not hold over this event");
}

EnvelopeResult<Event> VerifyHmac(const Envelope& envelope, base::ByteSpan mac, const VerifyingKeys& keys) {
  const base::Bytes* key = KeyOf(keys.hmac, envelope.kid);
  if (key == nullptr) {
    return Refuse(EnvelopeFault::kUnknownSigner, "no hmac-sha256 key named \"" + base::Escape(envelope.kid) + "\"");
  }
  if (key->empty()) return Refuse(EnvelopeFault::kBadKeyLength, "an hmac-sha256 key can't be empty");
  if (mac.size() != crypto::Digest().size()) {
    return Refuse(EnvelopeFault::kBadMacLength, "an hmac-sha256 code has 32 bytes");
  }
  for (const SignedText& signed_text : SignedTexts(envelope)) {
    const crypto::Digest expected = crypto::HmacSha256(*key, base::AsBytes(signed_text.text));
    if (crypto::ConstantTimeEqual(expected, mac)) return *signed_text.event;
  }
  return Refuse(EnvelopeFault::kSignatureMismatch, "the code does not hold over this event");
}

EnvelopeResult<Event> Verify(const Envelope& envelope, const VerifyingKeys& keys) {
  const auto signature = base::Base64Decode(envelope.signature, base::Base64::kUrl);
  if (!signature) return Refuse(EnvelopeFault::kBadBase64, "the signature is not base64url");
  if (envelope.algorithm == "ed25519") return VerifyEd25519(envelope, *signature, keys);
  if (envelope.algorithm == "hmac-sha256") return VerifyHmac(envelope, *signature, keys);
  return Refuse(EnvelopeFault::kUnknownAlgorithm, "unknown algorithm \"" + base::Escape(envelope.algorithm) + "\"");
}

std::optional<RawObject> ParseObject(std::string_view text) {
  const auto tree = json::Parse(text, {.max_bytes = kMaxEventBytes, .max_depth = kMaxEventDepth,
                                       .duplicates = json::Duplicates::kKeepLast});
  return tree ? SplitObject(text) : std::nullopt;
}

bool LooksLikeEnvelope(const RawObject& object) {
  return object.Find("event") != nullptr && object.Find("signerKid") != nullptr &&
         object.Find("algorithm") != nullptr && object.Find("signature") != nullptr;
}

// The envelope in `object` itself, or in the data of the transport form.
std::optional<RawObject> FindEnvelope(const RawObject& object) {
  if (LooksLikeEnvelope(object)) return object;
  const RawMember* data = object.Find("data");
  if (TextOf(object, "type") != kSignedEnvelope || data == nullptr) return std::nullopt;
  auto inner = SplitObject(data->value);
  return inner && LooksLikeEnvelope(*inner) ? inner : std::nullopt;
}

}  // namespace

std::string_view ToString(EnvelopeFault fault) {
  switch (fault) {
    case EnvelopeFault::kMalformedEvent: return "malformed_event";
    case EnvelopeFault::kMalformedDocument: return "malformed_document";
    case EnvelopeFault::kUnknownMember: return "unknown_member";
    case EnvelopeFault::kBadBase64: return "bad_base64";
    case EnvelopeFault::kUnknownAlgorithm: return "unknown_algorithm";
    case EnvelopeFault::kUnknownSigner: return "unknown_signer";
    case EnvelopeFault::kBadKeyLength: return "bad_key_length";
    case EnvelopeFault::kBadSignatureLength: return "bad_signature_length";
    case EnvelopeFault::kBadMacLength: return "bad_mac_length";
    case EnvelopeFault::kSignatureMismatch: return "signature_mismatch";
    case EnvelopeFault::kUnsignedRefused: return "unsigned_refused";
    case EnvelopeFault::kSignerMisconfigured: return "signer_misconfigured";
  }
  return "malformed_document";
}

EnvelopeResult<Event> VerifyEnvelope(std::string_view text, const VerifyingKeys& keys) {
  const auto object = ParseObject(text);
  if (!object) return Refuse(EnvelopeFault::kMalformedDocument, "not a JSON object of at most 1 MiB");
  auto envelope = ReadEnvelope(*object);
  if (!envelope) return std::unexpected(std::move(envelope).error());
  return Verify(*envelope, keys);
}

EnvelopeResult<Event> DecodeEvent(std::string_view text, const VerifyingKeys& keys, Signing signing) {
  const auto object = ParseObject(text);
  if (const auto found = object ? FindEnvelope(*object) : std::nullopt) {
    auto envelope = ReadEnvelope(*found);
    if (!envelope && envelope.error().fault == EnvelopeFault::kMalformedDocument) {
      return Refuse(signing == Signing::kRequired ? EnvelopeFault::kUnsignedRefused : EnvelopeFault::kMalformedEvent,
                    std::move(envelope).error().message);
    }
    if (!envelope) return std::unexpected(std::move(envelope).error());
    if (!keys.empty() || signing == Signing::kRequired) return Verify(*envelope, keys);
    return std::move(envelope->event);
  }
  if (signing == Signing::kRequired) return Refuse(EnvelopeFault::kUnsignedRefused, "a signature is required");
  if (!object) return Refuse(EnvelopeFault::kMalformedEvent, "neither an envelope nor an event");
  auto event = ReadEvent(*object);
  if (!event) return Refuse(EnvelopeFault::kMalformedEvent, std::move(event).error().message);
  return std::move(*event);
}

}  // namespace event
