// SPDX-License-Identifier: Apache-2.0
#include "event/signed_envelope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event/json_object.h"
#include "event/published_numbers.h"
#include "event/redaction.h"

namespace event {
namespace {

// documents.md §3.4: seed 32 × 0x42, an event in both forms.
const base::Bytes kSeed(32, 0x42);
constexpr std::string_view kEvent =
    R"({"specversion":"1.0","id":"ev-001","source":"cellos-supervisor",)"
    R"("type":"dev.cellos.events.cell.lifecycle.v1.started","datacontenttype":"application/json",)"
    R"("data":{"cellId":"hello-1","specId":"hello-1","ttlSeconds":60},"time":"2026-01-02T03:04:05+00:00","traceparent":null})";

VerifyingKeys Keys() {
  VerifyingKeys keys;
  const auto key = crypto::SigningKey::FromSeed(kSeed)->public_key();
  keys.ed25519.emplace("k", base::Bytes(key.begin(), key.end()));
  keys.hmac.emplace("h", kSeed);
  return keys;
}

std::string Envelope(std::string_view event, std::string_view signature, std::string_view algorithm = "ed25519",
                     std::string_view kid = "k") {
  return "{\"event\":" + std::string(event) + ",\"signerKid\":" + Quoted(kid) + ",\"algorithm\":" + Quoted(algorithm) +
         ",\"signature\":" + Quoted(signature) + "}";
}

std::string SignedBytes(std::string_view text) {
  const auto key = crypto::SigningKey::FromSeed(kSeed);
  return base::Base64Encode(key->Sign(text), base::Base64::kUrl);
}

TEST(SignedEnvelope, VerifiesTheFormsOfBothVersions) {
  for (const std::string_view signature :
       {"Gs-7Vos7doXF-c7Ml5r8Suk0ErQzIqAoGjWJLwzvyZwbmhWQWD8ur0oqHCu6Uqb1wPFBr9tgbx7CT9v2ZtwqCw",
        "JHiVsdld4x7tHqg48w2yIZev0lHm82yqkwGBvYcFZPTZtgXW3jqXOWtY_XpaHMCaiP3dPzigAVT500xqHEaYCw"}) {
    const auto event = VerifyEnvelope(Envelope(kEvent, signature), Keys());
    ASSERT_TRUE(event.has_value()) << event.error().message;
    EXPECT_EQ(event->ToText(), kEvent);
  }
  EXPECT_TRUE(VerifyEnvelope(Envelope(kEvent, "XPYCrdtdwLDk0mr6ev92cw7Yoi7rvKx4biMLuxPhIRw", "hmac-sha256", "h"), Keys()));
}

TEST(SignedEnvelope, RefusesMembersThatNoSignatureCovers) {
  std::string event(kEvent);
  event.insert(event.size() - 1, R"(,"subject":"x")");
  const auto refused = VerifyEnvelope(Envelope(event, SignedBytes(kEvent)), Keys());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().fault, EnvelopeFault::kUnknownMember);
}

TEST(SignedEnvelope, TakesExtensionAttributesOnlyWhereTheSignatureCoversThem) {
  std::string event(kEvent);
  event.insert(event.size() - 1, R"(,"cexsessionid":"01H")");
  EXPECT_FALSE(VerifyEnvelope(Envelope(event, SignedBytes(kEvent)), Keys()).has_value());
  const std::string sorted =
      R"({"cexsessionid":"01H",)" + ReadEvent(kEvent)->ToSortedText().substr(1);
  EXPECT_TRUE(VerifyEnvelope(Envelope(event, SignedBytes(sorted)), Keys()).has_value());
}

TEST(SignedEnvelope, RefusesAnEventThatGivesAMemberTwice) {
  std::string event(kEvent);
  event.insert(event.size() - 1, R"(,"\u0069d":"other")");
  EXPECT_EQ(VerifyEnvelope(Envelope(event, SignedBytes(kEvent)), Keys()).error().fault,
            EnvelopeFault::kMalformedDocument);
}

TEST(SignedEnvelope, RefusesAnExtensionAttributeThatIsGivenTwice) {
  std::string event(kEvent);
  event.insert(event.size() - 1, R"(,"cexsessionid":"01H","cexsessionid":"02H")");
  EXPECT_EQ(VerifyEnvelope(Envelope(event, SignedBytes(kEvent)), Keys()).error().fault,
            EnvelopeFault::kMalformedDocument) << "it would have no form that a signature could cover";
}

TEST(SignedEnvelope, KeysOfTheWrongSizeDecideNothing) {
  VerifyingKeys keys;
  keys.ed25519.emplace("k", base::Bytes(31, 1));
  keys.hmac.emplace("h", base::Bytes());
  EXPECT_EQ(VerifyEnvelope(Envelope(kEvent, SignedBytes(kEvent)), keys).error().fault, EnvelopeFault::kBadKeyLength);
  EXPECT_EQ(VerifyEnvelope(Envelope(kEvent, "AAAA", "hmac-sha256", "h"), keys).error().fault,
            EnvelopeFault::kBadKeyLength);
}

TEST(DecodeEvent, WithoutKeysNothingPassesWhereSigningIsRequired) {
  const std::string envelope = Envelope(kEvent, SignedBytes(kEvent));
  EXPECT_FALSE(DecodeEvent(envelope, {}, Signing::kRequired).has_value());
  EXPECT_FALSE(DecodeEvent(kEvent, {}, Signing::kRequired).has_value());
  EXPECT_TRUE(DecodeEvent(envelope, {}, Signing::kOptional).has_value());
  EXPECT_FALSE(DecodeEvent(Envelope(kEvent, "AAAA"), Keys(), Signing::kOptional).has_value());
}

TEST(ReadEvent, KeepsTheLastOfTwoInsideDataAndRefusesTwoOutside) {
  EXPECT_EQ(ReadEvent(R"({"specversion":"1.0","id":"i","source":"s","type":"t","data":{"a":1,"a":2}})")->data,
            R"({"a":2})");
  EXPECT_FALSE(ReadEvent(R"({"specversion":"1.0","id":"i","source":"s","type":"t","data":{"a":1,"a":2},"id":"j"})"));
  EXPECT_FALSE(ReadEvent(R"({"specversion":"1.0","id":"i","source":"s","type":"t","data":1,"data":2})"));
  EXPECT_FALSE(ReadEvent(std::string(kMaxEventBytes + 1, ' ')));
  EXPECT_EQ(ReadEvent(R"({"type":"t","id":"i","subject":"x","specversion":"1.0","source":"s"})")->ToText(),
            R"({"specversion":"1.0","id":"i","source":"s","type":"t","datacontenttype":null,"data":null,"time":null,"traceparent":null})");
}

TEST(PublishedNumber, LosesTheSameLastDigitAsPublishedReaders) {
  EXPECT_EQ(PublishedNumber("0.19731432378659775"), 0.19731432378659777);
  EXPECT_EQ(PublishedNumber("12345678901234567.0"), 1.2345678901234566e16);
  EXPECT_EQ(PublishedNumber("333333333.33333329"), 333333333.33333325);
  EXPECT_EQ(PublishedNumber("0.1"), 0.1);
  EXPECT_EQ(PublishedNumber("-2.5e+1"), -25.0);
  EXPECT_EQ(PublishedNumber("1e-400"), 0.0);
  EXPECT_EQ(PublishedNumber("123456789012345678901234567890e-29"), 1.2345678901234568);
}

TEST(Redaction, TypedReasonsSurviveTheDefaultsOnly) {
  Event event{.data = R"({"message":"m","program":"/p","reason":"oom","spawnError":"e"})"};
  Redaction::FromSetting(" Defaults ").Apply(event);
  EXPECT_EQ(event.data, R"({"message":"[redacted]","program":"[redacted]","reason":"oom","spawnError":"[redacted]"})");
  Redaction::FromSetting("reason").Apply(event);
  EXPECT_THAT(event.data, testing::HasSubstr(R"("reason":"[redacted]")"));
  EXPECT_TRUE(Redaction::FromSetting(" , ").empty());
}

TEST(Redaction, WhatCannotBeReadIsLeftOutWhole) {
  Event event{.data = R"({"reason":"oom")"};
  Redaction::FromSetting("argv").Apply(event);
  EXPECT_EQ(event.data, R"("[redacted]")");
}

TEST(CleanUrls, LeavesNoUserInfoAndNoQueryBehind) {
  EXPECT_EQ(CleanUrls("https://u:p@Host:443?k=v"), "https://host/");
  EXPECT_EQ(CleanUrls("https://u@h/a?sig=1#f"), "https://h/a#f");
  EXPECT_EQ(CleanUrls("GET https://h/x?X-Amz-Signature=abc failed"), "GET https://h/x failed");
  EXPECT_EQ(CleanUrls("a https://u:p@h?q=1 b nats://v:w@i c"), "a https://<redacted>h b nats://<redacted>i c");
  EXPECT_EQ(CleanUrls("is it? yes"), "is it? yes");
}

}  // namespace
}  // namespace event
