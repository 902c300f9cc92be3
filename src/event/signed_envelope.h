// SPDX-License-Identifier: Apache-2.0
// Signed events for consumers of the published format: SignedEventEnvelopeV1 (documents.md §4.5, events.md §9).
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "base/result.h"
#include "crypto/ed25519.h"
#include "event/event.h"

namespace event {

// Why an event or envelope was not taken.
enum class EnvelopeFault : std::uint8_t {
  kMalformedEvent,     // neither an envelope nor an event
  kMalformedDocument,  // no envelope
  kUnknownMember,      // the event has members that no signature covers
  kBadBase64,
  kUnknownAlgorithm,
  kUnknownSigner,
  kBadKeyLength,
  kBadSignatureLength,
  kBadMacLength,
  kSignatureMismatch,
  kUnsignedRefused,
  kSignerMisconfigured,
};
std::string_view ToString(EnvelopeFault fault);  // e.g. "bad_base64"

struct EnvelopeError {
  EnvelopeFault fault;
  std::string message;
};
template <class T>
using EnvelopeResult = std::expected<T, EnvelopeError>;

// Keys by kid. An Ed25519 key is 32 raw bytes, an HMAC key is not empty.
struct VerifyingKeys {
  std::map<std::string, base::Bytes, std::less<>> ed25519, hmac;
  bool empty() const { return ed25519.empty() && hmac.empty(); }
};

// Verifies an envelope over either form of the signed bytes and gives the event inside. Advisory times are not judged.
EnvelopeResult<Event> VerifyEnvelope(std::string_view text, const VerifyingKeys& keys);

enum class Signing : std::uint8_t { kOptional, kRequired };

// An event from outside: an envelope, an event that carries one (the transport form), or a bare event where signing is
// not required. With no keys at all and kOptional a signature is not looked at; with kRequired it is then refused.
EnvelopeResult<Event> DecodeEvent(std::string_view text, const VerifyingKeys& keys, Signing signing);

// Signs events. Move-only; an HMAC key is wiped with it.
class EventSigner {
 public:
  // Ed25519 with `key`, which must outlive the signer.
  static EventSigner WithKey(const crypto::SigningKey& key, std::string kid);
  static base::Result<EventSigner> WithSeed(base::ByteSpan seed, std::string kid);
  // kInvalid for an empty key.
  static base::Result<EventSigner> WithHmacKey(base::ByteSpan key, std::string kid);
  EventSigner(EventSigner&&) noexcept;
  EventSigner& operator=(EventSigner&&) noexcept;
  ~EventSigner();

  // base64url of the signature over event.ToText().
  std::string Sign(const Event& event) const;
  // {"event":…,"signerKid":…,"algorithm":…,"signature":…}
  std::string Envelope(const Event& event) const;
  // The transport form: an event of type kSignedEnvelope around the envelope.
  Event Wrap(const Event& event) const;

 private:
  struct Key;
  explicit EventSigner(std::unique_ptr<Key> key);
  std::unique_ptr<Key> key_;
};

// CELLOS_EVENT_SIGNING, CELLOS_EVENT_SIGNING_KID and CELLOS_EVENT_SIGNING_KEY_BASE64 as set; absent: not set.
struct SigningSettings {
  std::optional<std::string> mode, kid, key_base64;
};
// Which setting is at fault and why; never the key.
struct SigningSettingsError {
  std::string setting;
  std::string message;
};
// nullopt: signing is off. A fault is fatal for the caller: events never go out unsigned by mistake.
std::expected<std::optional<EventSigner>, SigningSettingsError> SignerFromSettings(const SigningSettings& settings);

// CELLOS_HOST_TELEMETRY_SIGN_ALG, _KID, _HMAC_KEY and _ED25519_SK as set (telemetry.md §3.6); absent: not set, which an
// empty text is not.
struct TelemetrySigningSettings {
  std::optional<std::string> algorithm, kid, hmac_key, ed25519_seed;
};
// As SignerFromSettings, for what the witness in a cell declares.
std::expected<std::optional<EventSigner>, SigningSettingsError> TelemetrySignerFromSettings(
    const TelemetrySigningSettings& settings);

}  // namespace event
