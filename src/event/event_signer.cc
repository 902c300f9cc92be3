// SPDX-License-Identifier: Apache-2.0
// Signing of events, and the settings that ask for it.
#include <string.h>

#include <algorithm>
#include <cctype>
#include <variant>

#include "crypto/sha256.h"
#include "event/json_object.h"
#include "event/published_numbers.h"
#include "event/signed_envelope.h"
#include "event/types.h"
#include "json/reader.h"

namespace event {

struct EventSigner::Key {
  std::string kid;
  std::optional<crypto::SigningKey> own;
  const crypto::SigningKey* ed25519 = nullptr;  // `own` or the caller's
  base::Bytes hmac;
  ~Key() {
    if (!hmac.empty()) explicit_bzero(hmac.data(), hmac.size());
  }
};

EventSigner::EventSigner(std::unique_ptr<Key> key) : key_(std::move(key)) {}
EventSigner::EventSigner(EventSigner&&) noexcept = default;
EventSigner& EventSigner::operator=(EventSigner&&) noexcept = default;
EventSigner::~EventSigner() = default;

EventSigner EventSigner::WithKey(const crypto::SigningKey& key, std::string kid) {
  auto held = std::make_unique<Key>();
  held->kid = std::move(kid);
  held->ed25519 = &key;
  return EventSigner(std::move(held));
}

base::Result<EventSigner> EventSigner::WithSeed(base::ByteSpan seed, std::string kid) {
  auto held = std::make_unique<Key>();
  held->kid = std::move(kid);
  held->own = TRY(crypto::SigningKey::FromSeed(seed));
  held->ed25519 = &*held->own;
  return EventSigner(std::move(held));
}

base::Result<EventSigner> EventSigner::WithHmacKey(base::ByteSpan key, std::string kid) {
  if (key.empty()) return base::Fail(base::ErrorKind::kInvalid, "an hmac-sha256 key can't be empty");
  auto held = std::make_unique<Key>();
  held->kid = std::move(kid);
  held->hmac.assign(key.begin(), key.end());
  return EventSigner(std::move(held));
}

std::string EventSigner::Sign(const Event& event) const {
  const std::string text = event.ToText();
  if (key_->ed25519 != nullptr) return base::Base64Encode(key_->ed25519->Sign(text), base::Base64::kUrl);
  return base::Base64Encode(crypto::HmacSha256(key_->hmac, base::AsBytes(text)), base::Base64::kUrl);
}

std::string EventSigner::Envelope(const Event& event) const {
  return "{\"event\":" + event.ToText() + ",\"signerKid\":" + Quoted(key_->kid) +
         ",\"algorithm\":" + (key_->ed25519 != nullptr ? "\"ed25519\"" : "\"hmac-sha256\"") + ",\"signature\":\"" +
         Sign(event) + "\"}";
}

namespace {

// `event` with each number such that a published reader gets back what it was given: it verifies what it prints again.
Event Settled(Event event) {
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    const auto tree = json::Parse(event.data, {.max_bytes = kMaxEventBytes, .max_depth = kMaxEventDepth});
    if (!tree) return event;
    std::string data = SortedAsPublished(tree->root());
    if (data == event.data) return event;
    event.data = std::move(data);
  }
  return event;
}

}  // namespace

Event EventSigner::Wrap(const Event& given) const {
  const Event event = Settled(given);
  Object data;
  data.Add("algorithm", key_->ed25519 != nullptr ? "ed25519" : "hmac-sha256");
  data.Raw("event", event.ToSortedText());
  data.Add("signature", Sign(event));
  data.Add("signerKid", key_->kid);
  return {.specversion = "1.0",
          .id = event.id,
          .source = std::string(kSourceEventSigning),
          .type = std::string(kSignedEnvelope),
          .datacontenttype = "application/json",
          .data = data.Take(),
          .time = event.time,
          .traceparent = event.traceparent};
}

namespace {

std::string Trimmed(const std::optional<std::string>& text) {
  if (!text) return {};
  const std::string_view blanks = " \t\r\n\f\v";
  const auto begin = text->find_first_not_of(blanks);
  if (begin == std::string::npos) return {};
  return text->substr(begin, text->find_last_not_of(blanks) - begin + 1);
}

std::unexpected<SigningSettingsError> Fault(std::string setting, std::string message) {
  return std::unexpected(SigningSettingsError{std::move(setting), std::move(message)});
}

constexpr const char* kMode = "CELLOS_EVENT_SIGNING";
constexpr const char* kKid = "CELLOS_EVENT_SIGNING_KID";
constexpr const char* kKey = "CELLOS_EVENT_SIGNING_KEY_BASE64";
constexpr const char* kTelemetryAlgorithm = "CELLOS_HOST_TELEMETRY_SIGN_ALG";
constexpr const char* kTelemetryKid = "CELLOS_HOST_TELEMETRY_SIGN_KID";
constexpr const char* kTelemetryHmac = "CELLOS_HOST_TELEMETRY_SIGN_HMAC_KEY";
constexpr const char* kTelemetrySeed = "CELLOS_HOST_TELEMETRY_SIGN_ED25519_SK";

std::string LowerTrimmed(const std::optional<std::string>& text) {
  std::string lower = Trimmed(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::expected<std::optional<EventSigner>, SigningSettingsError> SignerWith(
    bool ed25519, std::string kid, const char* setting, const std::optional<std::string>& key_base64) {
  std::string text = Trimmed(key_base64);
  auto key = base::Base64Decode(text, base::Base64::kUrl);
  explicit_bzero(text.data(), text.size());
  if (!key || key->empty()) return Fault(setting, "not set, or not base64url");
  auto signer = ed25519 ? EventSigner::WithSeed(*key, std::move(kid)) : EventSigner::WithHmacKey(*key, std::move(kid));
  if (!key->empty()) explicit_bzero(key->data(), key->size());
  if (!signer) return Fault(setting, std::move(signer).error().message);
  return std::optional<EventSigner>(std::move(*signer));
}

}  // namespace

std::expected<std::optional<EventSigner>, SigningSettingsError> SignerFromSettings(const SigningSettings& settings) {
  const std::string mode = LowerTrimmed(settings.mode);
  if (mode.empty() || mode == "off") return std::nullopt;
  const bool ed25519 = mode == "ed25519";
  if (!ed25519 && mode != "hmac" && mode != "hmac-sha256") {
    return Fault(kMode, "\"" + base::Escape(mode) + "\" is none of off, ed25519, hmac, hmac-sha256");
  }
  std::string kid = Trimmed(settings.kid);
  if (kid.empty()) return Fault(kKid, "the name of the signing key is not set");
  return SignerWith(ed25519, std::move(kid), kKey, settings.key_base64);
}

std::expected<std::optional<EventSigner>, SigningSettingsError> TelemetrySignerFromSettings(
    const TelemetrySigningSettings& settings) {
  const std::string algorithm = LowerTrimmed(settings.algorithm);
  const bool ed25519 = algorithm == "ed25519";
  if (settings.hmac_key && settings.ed25519_seed) {
    return Fault(kTelemetryHmac, "mutual-exclusion: it is set beside CELLOS_HOST_TELEMETRY_SIGN_ED25519_SK; set the one "
                                 "that the algorithm needs");
  }
  if (algorithm.empty() || algorithm == "off") {
    if (settings.hmac_key) return Fault(kTelemetryHmac, "a key is set, but signing is off");
    if (settings.ed25519_seed) return Fault(kTelemetrySeed, "a key is set, but signing is off");
    return std::nullopt;
  }
  if (!ed25519 && algorithm != "hmac" && algorithm != "hmac-sha256") {
    return Fault(kTelemetryAlgorithm, "\"" + base::Escape(algorithm) + "\" is none of off, ed25519, hmac-sha256, hmac");
  }
  if (Trimmed(settings.kid).empty()) return Fault(kTelemetryKid, "the name of the signing key is not set");
  return ed25519 ? SignerWith(true, *settings.kid, kTelemetrySeed, settings.ed25519_seed)
                 : SignerWith(false, *settings.kid, kTelemetryHmac, settings.hmac_key);
}

}  // namespace event
