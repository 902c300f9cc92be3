// SPDX-License-Identifier: Apache-2.0
// Signing of what a witness declares, on its way to outside sinks (telemetry.md §3.6).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "crypto/ed25519.h"
#include "event/outside_sink.h"
#include "event/signed_envelope.h"

namespace event {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// The example of telemetry.md §3.4: 483 bytes.
constexpr std::string_view kEvent =
    R"({"specversion":"1.0","id":"ev-1","source":"/cellos-supervisor/host-telemetry","type":)"
    R"("dev.cellos.events.cell.observability.guest.process_spawned","datacontenttype":"application/json","data":)"
    R"({"guest":{"guestComm":"sh","guestMonotonicNs":1000000000,"guestPid":42,"probeSource":"process.spawned"},"host":)"
    R"({"cellId":"cell-1","hostReceivedAt":"2023-11-14T22:13:20Z","runId":"run-1","specSignatureHash":"sha256:00"},)"
    R"("provenance":"declared"},"time":"2023-11-14T22:13:20Z","traceparent":null})";
constexpr std::string_view kHmacKey = "0123456789abcdef";
const std::string kSeed(32, '\1');

std::string Base64Url(std::string_view bytes) { return base::Base64Encode(base::AsBytes(bytes), base::Base64::kUrl); }

EventSigner Hmac() {
  return std::move(**TelemetrySignerFromSettings(
      {.algorithm = " HMAC ", .kid = "kid-1", .hmac_key = " " + Base64Url(kHmacKey) + "==\n"}));
}
EventSigner Ed25519() {
  return std::move(**TelemetrySignerFromSettings(
      {.algorithm = "ed25519", .kid = "kid-1", .ed25519_seed = Base64Url(kSeed)}));
}

TEST(TelemetrySigning, TheRecordedEventHasTheRecordedSignatures) {
  const auto event = ReadEvent(kEvent);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->ToText(), kEvent);
  EXPECT_EQ(Hmac().Sign(*event), "oCzH6TbZigQwCodXx2-9CeX5nCq5gTll7XBk1gLp7uc");
  EXPECT_EQ(Ed25519().Sign(*event),
            "_gBUB9XBRumRYfxCF-olMaUSXPxPsGa0p3G3ieuM9wiKBGlEtlJMw2g_sfHXhfqyCfKmM9taF8JzTCOp797VAg");
}

TEST(TelemetrySigning, AnyLaterChangeBreaksVerification) {
  VerifyingKeys keys;
  const auto public_key = crypto::SigningKey::FromSeed(base::AsBytes(kSeed))->public_key();
  keys.ed25519["kid-1"] = base::Bytes(public_key.begin(), public_key.end());
  const std::string envelope = Ed25519().Envelope(*ReadEvent(kEvent));
  EXPECT_TRUE(VerifyEnvelope(envelope, keys));
  std::string mutated = envelope;
  mutated.replace(mutated.find("cell-1"), 6, "cell-2");
  EXPECT_FALSE(VerifyEnvelope(mutated, keys));
}

TEST(TelemetrySigning, SettingsThatDoNotFitTogetherAreRefused) {
  const auto fault = [](TelemetrySigningSettings settings) {
    const auto signer = TelemetrySignerFromSettings(settings);
    return signer ? std::string("none") : signer.error().setting + ": " + signer.error().message;
  };
  EXPECT_EQ(fault({}), "none");
  EXPECT_EQ(fault({.algorithm = " OFF "}), "none");
  EXPECT_EQ(fault({.kid = "k"}), "none");
  EXPECT_THAT(fault({.hmac_key = ""}), StartsWith("CELLOS_HOST_TELEMETRY_SIGN_HMAC_KEY: "));
  EXPECT_THAT(fault({.algorithm = "off", .ed25519_seed = ""}), StartsWith("CELLOS_HOST_TELEMETRY_SIGN_ED25519_SK: "));
  EXPECT_THAT(fault({.algorithm = "ed25519", .kid = "k", .hmac_key = "YQ", .ed25519_seed = Base64Url(kSeed)}),
              HasSubstr("mutual-exclusion"));
  EXPECT_THAT(fault({.algorithm = "rsa", .kid = "k"}), HasSubstr("SIGN_ALG"));
  EXPECT_THAT(fault({.algorithm = "hmac", .hmac_key = "YQ"}), HasSubstr("SIGN_KID"));
  EXPECT_THAT(fault({.algorithm = "hmac", .kid = " ", .hmac_key = "YQ"}), HasSubstr("SIGN_KID"));
  EXPECT_THAT(fault({.algorithm = "hmac", .kid = "k", .hmac_key = ""}), HasSubstr("SIGN_HMAC_KEY"));
  EXPECT_THAT(fault({.algorithm = "hmac", .kid = "k", .ed25519_seed = Base64Url(kSeed)}), HasSubstr("SIGN_HMAC_KEY"));
  const std::string wrong = fault({.algorithm = "ed25519", .kid = "k", .ed25519_seed = "c2VjcmV0"});
  EXPECT_THAT(wrong, HasSubstr("32 bytes"));
  EXPECT_THAT(wrong, Not(HasSubstr("c2VjcmV0"))) << "a key is never printed";
}

class KeepingTransport final : public Transport {
 public:
  explicit KeepingTransport(std::string& text) : text_(text) {}
  std::string_view name() const override { return "keeping"; }
  base::Result<> Send(const Outgoing& event) override {
    text_ = event.text;
    return {};
  }
  base::Result<> Flush() override { return {}; }

 private:
  std::string& text_;
};

TEST(TelemetrySigning, ASinkSignsGuestEventsOnceAndOthersNotAtAll) {
  std::string text;
  OutsideSink::Options options;
  options.form = EventsForm::kLog;
  options.signer = std::move(**SignerFromSettings({.mode = "hmac", .kid = "all", .key_base64 = "YQ"}));
  options.telemetry_signer = Ed25519();
  OutsideSink sink(std::make_unique<KeepingTransport>(text), std::move(options));
  const auto leaf = [](std::string_view type) {
    return R"({"data":{"a":1},"datacontenttype":"application/json","id":"i","source":"s","specversion":"1.0","time":)"
           R"("2023-11-14T22:13:20.000Z","type":")" + std::string(type) + "\"}";
  };
  const std::string guest = leaf("dev.cellos.events.cell.observability.guest.process_spawned");
  ASSERT_TRUE(sink.Emit({.leaf = guest}));
  EXPECT_THAT(text, StartsWith(R"({"event":{)"));
  EXPECT_THAT(text, HasSubstr(R"("signerKid":"kid-1","algorithm":"ed25519")"));
  EXPECT_THAT(text, Not(HasSubstr("signed_envelope")));
  const std::string other = leaf("dev.cellos.events.cell.lifecycle.v1.started");
  ASSERT_TRUE(sink.Emit({.leaf = other}));
  EXPECT_THAT(text, HasSubstr("signed_envelope"));
  EXPECT_THAT(text, HasSubstr(R"("signerKid":"all")"));
}

}  // namespace
}  // namespace event
