// SPDX-License-Identifier: Apache-2.0
#include "spec/keyset.h"

#include <gtest/gtest.h>

#include "crypto/ed25519.h"
#include "crypto/sha256.h"

namespace spec {
namespace {

crypto::SigningKey Key(std::uint8_t fill) {
  const base::Bytes seed(32, fill);
  return std::move(*crypto::SigningKey::FromSeed(seed));
}

KeysetEnvelope Envelope(std::string_view payload, const std::vector<std::pair<std::string, std::uint8_t>>& signers) {
  KeysetEnvelope envelope{.schema_version = "1.0.0",
                          .payload_type = "application/vnd.cellos.trust-keyset-v1+json",
                          .payload = base::Base64Encode(base::AsBytes(payload), base::Base64::kUrl),
                          .payload_digest = crypto::PrefixedHex(crypto::Sha256Of(payload)),
                          .produced_at = "2031-01-01T00:00:00Z"};
  for (const auto& [kid, fill] : signers) {
    const auto signature = Key(fill).Sign(payload);
    envelope.signatures.push_back({kid, "ed25519", base::Base64Encode(signature, base::Base64::kUrl)});
  }
  return envelope;
}

KeyRing Keys() { return {{"a", Key(1).public_key()}, {"b", Key(2).public_key()}}; }

const Time kNow = *ParseTime("2031-06-01T00:00:00Z");

TEST(Keyset, CountsEachSignerOnce) {
  auto envelope = Envelope(R"({"keysetId":"k"})", {{"a", 1}, {"a", 1}, {"zz", 1}});
  envelope.required_signer_count = 2;
  EXPECT_EQ(VerifyKeyset(envelope, Keys(), kNow).error().error_class, "too_few_signers");
  envelope = Envelope(R"({"keysetId":"k"})", {{"a", 1}, {"b", 2}});
  envelope.required_signer_count = 2;
  const auto verified = VerifyKeyset(envelope, Keys(), kNow);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->keyset_id, "k");
  EXPECT_EQ(verified->signers.size(), 2u);
}

TEST(Keyset, RefusesAPayloadThatNobodySigned) {
  auto envelope = Envelope("{}", {{"a", 1}});
  envelope.payload = base::Base64Encode(base::AsBytes("{} "), base::Base64::kUrl);
  EXPECT_EQ(VerifyKeyset(envelope, Keys(), kNow).error().error_class, "digest_mismatch");
  envelope.payload_digest = crypto::PrefixedHex(crypto::Sha256Of("{} "));
  EXPECT_EQ(VerifyKeyset(envelope, Keys(), kNow).error().error_class, "no_signature_verified");
}

TEST(Keyset, JudgesAnOldMemberOfAChainAtTheTimeOfItsSuccessor) {
  std::vector<KeysetEnvelope> chain{Envelope("{\"n\":1}", {{"a", 1}}), Envelope("{\"n\":2}", {{"a", 1}})};
  chain[0].signatures[0].not_after = "2031-02-01T00:00:00Z";
  chain[1].replaces_envelope_digest = chain[0].payload_digest;
  EXPECT_FALSE(VerifyKeyset(chain[0], Keys(), kNow));
  EXPECT_TRUE(VerifyKeysetChain(chain, Keys(), kNow));
  chain[1].produced_at = "2031-03-01T00:00:00Z";
  EXPECT_EQ(VerifyKeysetChain(chain, Keys(), kNow).error().error_class, "no_signature_verified");
}

TEST(Keyset, RefusesAChainThatIsNotLinked) {
  std::vector<KeysetEnvelope> chain{Envelope("{\"n\":1}", {{"a", 1}}), Envelope("{\"n\":2}", {{"a", 1}})};
  EXPECT_EQ(VerifyKeysetChain(chain, Keys(), kNow).error().error_class, "chain_link_missing");
  chain[1].replaces_envelope_digest = chain[1].payload_digest;
  EXPECT_EQ(VerifyKeysetChain(chain, Keys(), kNow).error().error_class, "chain_link_mismatch");
  EXPECT_EQ(VerifyKeysetChain({}, Keys(), kNow).error().error_class, "empty_chain");
}

TEST(Time, ReadsRfc3339Only) {
  EXPECT_EQ(*ParseTime("2031-06-01T02:00:00+02:00"), kNow);
  EXPECT_EQ(*ParseTime("2031-06-01t00:00:00.000z"), kNow);
  EXPECT_EQ(*ParseTime("2031-05-31T23:00:00.500000000-01:00") - kNow, std::chrono::milliseconds(500));
  for (const auto* text : {"", "2031-06-01", "2031-06-01T00:00:00", "2031-06-01 00:00:00Z", "2031-02-29T00:00:00Z",
                           "2031-06-01T24:00:00Z", "2031-06-01T00:00:00.Z", "2031-06-01T00:00:00Zx",
                           "31-06-01T00:00:00Z", "2031-06-01T00:00:00+0200", "0001-01-01T00:00:00Z"}) {
    EXPECT_FALSE(ParseTime(text)) << text;
  }
}

}  // namespace
}  // namespace spec
